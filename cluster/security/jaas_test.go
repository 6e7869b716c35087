package security

import (
	"maps"
	"strings"
	"testing"
)

func TestJAAS(t *testing.T) {
	const plain = "org.apache.kafka.common.security.plain.PlainLoginModule"
	for _, tt := range []struct {
		in   string
		want map[string]string
		err  string
	}{
		{plain + ` required username="u" password="p";`, map[string]string{"username": "u", "password": "p"}, ""},
		{plain + ` REQUIRED username=u password='p"q';`, map[string]string{"username": "u", "password": `p"q`}, ""},
		{plain + ` required password="a\"b\\c\n\101\'";`, map[string]string{"password": "a\"b\\c\nA'"}, ""},
		{plain + " required\n\tusername=\"ü—x\" // comment\n /* more; */ password=\"; // not a comment\" ;", map[string]string{"username": "ü—x", "password": "; // not a comment"}, ""},
		{plain + ` required;`, map[string]string{}, ""},
		{plain + ` required a.b-c_d$="1";`, map[string]string{"a.b-c_d$": "1"}, ""},
		{``, nil, "Login module not specified in JAAS config"},
		{plain, nil, "Login module control flag not specified in JAAS config"},
		{plain + ` needed username="u";`, nil, "Invalid login module control flag '[hidden]' in JAAS config"},
		{plain + ` required username="u"`, nil, "JAAS config entry not terminated by semi-colon"},
		{plain + ` required username;`, nil, "Value not specified for key 'username' in JAAS config"},
		{plain + ` required username=;`, nil, "Value not specified for key 'username' in JAAS config"},
	} {
		entries, err := parseJAAS(tt.in)
		if tt.err != "" {
			if err == nil || err.Error() != tt.err {
				t.Errorf("%s: error %v, want %s", tt.in, err, tt.err)
			}
			continue
		}
		if err != nil || len(entries) != 1 || entries[0].module != plain || !maps.Equal(entries[0].options, tt.want) {
			t.Errorf("%s: %+v, %v", tt.in, entries, err)
		}
	}
}

func FuzzJAAS(f *testing.F) {
	f.Add(`a.B required c="d\"" e='f' /* g */ ; // h`)
	f.Add(`"\777\`)
	f.Fuzz(func(t *testing.T, s string) { parseJAAS(s) }) //nolint:errcheck // it must end and not panic
}

// However a configuration is damaged, no piece of its password is in the error: a missing flag, quote,
// equals sign or semicolon makes the words behind it something else than they were meant to be.
func TestNoSecretInErrors(t *testing.T) {
	const secret = "Tr0ub4dor"
	refused := 0
	for _, whole := range []string{
		`org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="Tr0ub4dor";`,
		`org.apache.kafka.common.security.plain.PlainLoginModule required password=Tr0ub4dor Tr0ub4dor username=u;`,
		`org.apache.kafka.common.security.scram.ScramLoginModule Tr0ub4dor required username=u password='Tr0ub4dor';`,
		`Tr0ub4dor required username=u password=x;`,
		`x.Tr0ub4dor required username=u password=x;`,
		`Tr0ub4dor`,
		`org.apache.kafka.common.security.plain.PlainLoginModule required username=u password="Tr0ub4dor" "Tr0ub4dor";`,
	} {
		for from := range len(whole) {
			for _, damaged := range []string{whole, whole[:from] + whole[from+1:], whole[:from], whole[from:]} {
				r := NewReader(map[string]string{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.jaas.config": damaged})
				ReadClient(r)
				err := r.Err()
				if err == nil {
					continue
				}
				refused++
				for n := range len(secret) - 3 {
					if strings.Contains(err.Error(), secret[n:n+4]) {
						t.Fatalf("%q: %v", damaged, err)
					}
				}
			}
		}
	}
	if refused < 500 {
		t.Errorf("only %d were refused", refused)
	}
}
