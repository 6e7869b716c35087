package smttest

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/smt"
)

// SimpleName is the name of a plugin's class without package and variant.
func SimpleName(p smt.Plugin) string {
	name, _, _ := strings.Cut(p.Class[strings.LastIndexByte(p.Class, '.')+1:], "$")
	return name
}

// FuzzOne is the body of a fuzz test of transforms: whatever the settings (a JSON object) and the
// record (any bytes) are, the transform keeps to CheckRecord, whose error it returns. more are further
// records to try, of the kind that the transform is made for.
func FuzzOne(p smt.Plugin, settings string, record []byte, more ...func() data.Record) error {
	var props map[string]string
	if json.Unmarshal([]byte(settings), &props) != nil {
		return nil
	}
	tr := p.New()
	if tr.Configure(props) != nil {
		return nil
	}
	for _, make := range append(more, func() data.Record { return RandomFrom(Bytes(record)) }) {
		if err := CheckRecord(tr, make); err != nil {
			return fmt.Errorf("%s %s: %w", p.Class, settings, err)
		}
	}
	return tr.Close()
}
