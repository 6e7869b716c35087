//go:build integration

package data_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/java"
)

// TestAgainstJava compares what is parsed and printed here with what the real classes make of
// the same random questions. CONNECT_LIBS names the directory of Kafka Connect's jars;
// CONNECT_SEED repeats a run.
func TestAgainstJava(t *testing.T) {
	libs := os.Getenv("CONNECT_LIBS")
	if libs == "" {
		t.Skip("CONNECT_LIBS isn't set to the directory of Kafka Connect's jars")
	}
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("CONNECT_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("CONNECT_SEED=%d", seed)
	asked := questions{rand.New(rand.NewPCG(seed, 0))}.all()
	cmd := exec.CommandContext(t.Context(), "java", "-cp", filepath.Join(libs, "*"), "testdata/oracle/ValuesOracle.java")
	cmd.Stdin = strings.NewReader(strings.Join(asked, "\n") + "\n")
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	wrong := 0
	for _, q := range asked {
		if !lines.Scan() {
			t.Fatalf("no answer to %q", q)
		}
		if want, got := lines.Text(), answer(q); !sameAnswer(q, want, got) {
			if wrong++; wrong <= 20 {
				t.Errorf("%s\nwant %s\n got %s", readable(q), want, got)
			}
		}
	}
	t.Logf("%d questions, %d answered otherwise", len(asked), wrong)
}

// sameAnswer takes numbers with fewer digits than an older Java prints.
func sameAnswer(q, want, got string) bool {
	if want == got || !strings.HasPrefix(q, "float") || len(got) > len(want) {
		return want == got
	}
	bits, _ := strconv.Atoi(q[5:7])
	a, errA := strconv.ParseFloat(want, bits)
	b, errB := strconv.ParseFloat(got, bits)
	return errA == nil && errB == nil && a == b
}

func readable(q string) string {
	if text, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(q, "parse ")); err == nil {
		return strconv.Quote(string(text))
	}
	return q
}

func answer(q string) string {
	op, arg, _ := strings.Cut(q, " ")
	switch op {
	case "parse":
		s, _ := base64.StdEncoding.DecodeString(arg)
		sv := data.ParseString(string(s))
		if sv.Schema == nil {
			return "null"
		}
		return schemaText(sv.Schema) + " " + valueText(sv.Value)
	case "float64":
		bits, _ := strconv.ParseUint(arg, 16, 64)
		return java.Float64Text(math.Float64frombits(bits))
	case "float32":
		bits, _ := strconv.ParseUint(arg, 16, 32)
		return java.Float32Text(math.Float32frombits(uint32(bits)))
	case "date":
		ms, _ := strconv.ParseInt(arg, 10, 64)
		date := time.UnixMilli(ms)
		return string(data.AppendISO(append(data.AppendDate(nil, date), '|'), date))
	}
	d, err := data.ParseDecimal(arg)
	if err != nil {
		return "error"
	}
	plain := ""
	if d.Scale < 400 && d.Scale > -400 {
		plain = d.PlainString()
	}
	return fmt.Sprintf("%s|%s|%d|%x|%x|%s", d, plain, d.Int64(), math.Float64bits(d.Float64()), math.Float32bits(d.Float32()),
		base64.StdEncoding.EncodeToString(d.Bytes()))
}

func schemaText(s *data.Schema) string {
	if s == nil {
		return "-"
	}
	text := s.Type().String()
	if s.Optional() {
		text += "?"
	}
	if s.Name() != "" {
		text += "#" + s.Name()
	}
	for _, p := range s.Parameters() {
		text += "{" + p.Name + "=" + p.Value + "}"
	}
	switch s.Type() {
	case data.Array:
		text += "<" + schemaText(s.ValueSchema()) + ">"
	case data.MapType:
		text += "<" + schemaText(s.KeySchema()) + "," + schemaText(s.ValueSchema()) + ">"
	}
	return text
}

func valueText(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case float32:
		return fmt.Sprintf("float32:%x", math.Float32bits(v))
	case float64:
		return fmt.Sprintf("float64:%x", math.Float64bits(v))
	case string:
		return "string:" + base64.StdEncoding.EncodeToString([]byte(v))
	case time.Time:
		return fmt.Sprintf("date:%d", v.UnixMilli())
	case data.Decimal:
		return fmt.Sprintf("decimal:%s/%d", v.Unscaled, v.Scale)
	case []any:
		text := "["
		for _, e := range v {
			text += valueText(e) + ","
		}
		return text + "]"
	case *data.Map:
		text := "{"
		for _, e := range v.Entries() {
			text += valueText(e.Key) + "=" + valueText(e.Value) + ","
		}
		return text + "}"
	}
	class := data.JavaClass(value)
	return class[strings.LastIndexByte(class, '.')+1:] + ":" + data.Text(value)
}

// questions are made of pieces that are nearly right: that is where readers differ.
type questions struct{ *rand.Rand }

func (q questions) all() []string {
	var asked []string
	ask := func(op string, arg any) { asked = append(asked, fmt.Sprint(op, " ", arg)) }
	for range 50000 {
		ask("parse", base64.StdEncoding.EncodeToString([]byte(q.mutate(q.text(q.IntN(4)), 6))))
	}
	for range 5000 {
		ask("float64", fmt.Sprintf("%x", q.Uint64()))
		ask("float32", fmt.Sprintf("%x", q.Uint32()))
		ask("float64", fmt.Sprintf("%x", math.Float64bits(float64(q.IntN(100000))*math.Pow10(q.IntN(30)-15))))
		ask("float32", fmt.Sprintf("%x", math.Float32bits(float32(float64(q.IntN(1000))*math.Pow10(q.IntN(30)-15)))))
		ask("date", int64(q.Uint64()>>uint(q.IntN(40)))*int64(q.IntN(2)*2-1))
		ask("date", -12219292800000+q.Int64N(86400000*20)-86400000*10) // when the calendar changed
		ask("decimal", q.number())
		ask("decimal", q.mutate(q.number()+q.number(), 2))
	}
	return asked
}

func (q questions) pick(of ...string) string { return of[q.IntN(len(of))] }

func (q questions) number() string {
	s := q.pick("", "", "-", "+") + strconv.Itoa(q.IntN(1000000))
	if q.IntN(3) == 0 {
		s += "."
		for range q.IntN(12) {
			s += q.pick("0", "0", strconv.Itoa(q.IntN(10)))
		}
	}
	if q.IntN(4) == 0 {
		s += q.pick("e", "E") + q.pick("", "-", "+") + strconv.Itoa(q.IntN(60))
	}
	return s
}

func (q questions) temporal() string {
	date := fmt.Sprintf("%04d-%02d-%02d", 1500+q.IntN(600), q.IntN(13), q.IntN(33))
	clock := fmt.Sprintf("%02d:%02d:%02d.%03dZ", q.IntN(25), q.IntN(61), q.IntN(61), q.IntN(1000))
	s := q.pick(date, clock, date+"T"+clock, fmt.Sprintf("%d-%d-%d:::::", q.IntN(3000), q.IntN(15), q.IntN(40)))
	if q.IntN(4) == 0 {
		s = strings.ReplaceAll(s, ":", `\:`)
	}
	return q.mutate(s, 4)
}

// mutate changes one byte of one text in n.
func (q questions) mutate(s string, n int) string {
	const by = "0123456789:,{}[]\"\\ \ta-+.eZTE"
	if s == "" || q.IntN(n) != 0 {
		return s
	}
	b := []byte(s)
	b[q.IntN(len(b))] = by[q.IntN(len(by))]
	return strings.ToValidUTF8(string(b), "?")
}

func (q questions) scalar() string {
	switch q.IntN(8) {
	case 0:
		return q.temporal()
	case 1:
		return `"` + q.temporal() + `"`
	case 2:
		return q.pick("null", "true", "false", "nul", "True", "", " ", "٣٤", "1٣", "é")
	case 3:
		return `"` + q.pick("a", "b c", "", " ", `\"`, `a\\`, ":", "[1]", "x,y", " , ", "ü") + `"`
	case 4:
		return q.pick("a", "b:c", `x\:y`, `\`, `\\`, "2020-13-45", "1:2", "12:34")
	}
	return q.number()
}

// text is a value that is nested as deep as said, or less.
func (q questions) text(depth int) string {
	blank := q.pick("", "", "", " ", "  ", "\t")
	if depth == 0 || q.IntN(3) == 0 {
		return blank + q.scalar() + blank
	}
	opening, closing := "[", "]"
	isMap := q.IntN(2) == 0
	if isMap {
		opening, closing = "{", "}"
	}
	s := blank + opening
	for i := range q.IntN(4) {
		if i > 0 {
			s += ","
		}
		if isMap {
			s += q.pick(fmt.Sprintf(`"k%d"`, i), q.number(), q.scalar()) + blank + ":"
		}
		s += q.text(depth - 1)
	}
	if q.IntN(20) != 0 {
		s += closing
	}
	return s + blank
}
