package troupe_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/troupe-connect/troupe"

// The packages that several folders may import, by name.
var layoutGroups = map[string][]string{
	"$java":      {"connectors/java/..."},
	"$values":    {"connectors/data", "connectors/config", "connectors/plugin", "connectors/errs"},
	"$contracts": {"$values", "connectors", "smt", "codecs"},
	"$below":     {"$contracts", "$java", "cluster/..."}, // all that an actor may know; built-ins come by the plugin list
}

// layoutRules say what each package may import of ours: the first rule that fits a package is its
// rule. "x/..." is x and all below it. A package may always import what lies in its own folder
// unless the rule is exact.
var layoutRules = []struct {
	pkg  string
	ours []string
}{
	{"connectors/errs", nil},
	{"connectors/java/...", []string{"connectors/errs"}}, // below all that has Connect's values
	{"connectors/data", []string{"connectors/errs", "$java"}},
	{"connectors/data/datatest", []string{"connectors/data", "connectors/errs"}},
	{"connectors/config", []string{"connectors/errs", "$java"}},
	{"connectors/config/properties", []string{"connectors/errs"}},
	{"connectors/config/provider", []string{
		"connectors/config", "connectors/config/properties", "connectors/errs", "connectors/plugin", "$java",
	}},
	{"connectors/plugin", []string{"connectors/config", "connectors/errs"}},
	{"connectors", []string{"$values"}},
	{"connectors/mirror/...", []string{"connectors", "$values", "$java", "cluster/kafka"}},
	{"connectors/...", []string{"connectors", "$values", "$java"}},

	{"smt", []string{"$values", "smt/internal/..."}},
	{"smt/internal/...", []string{"connectors/data", "connectors/errs", "$java"}},
	{"smt/smttest", []string{"smt", "$values", "connectors/data/datatest"}},
	{"smt/...", []string{"smt", "$values", "$java", "smt/internal/..."}},

	{"codecs", []string{"$values"}},
	{"codecs/internal/...", []string{"codecs", "$values", "$java"}},
	{"codecs/registry/registrytest", []string{"codecs", "codecs/registry", "codecs/registry/embedded", "$values", "connectors/data/datatest"}},
	{"codecs/registry/embedded", []string{"codecs/registry", "connectors/errs"}}, // _schemas comes through an interface
	{"codecs/registry", []string{"codecs", "$values", "$java"}},                  // TLS comes through registry.WithTLS
	{"codecs/...", []string{"codecs", "$values", "$java", "codecs/registry", "codecs/internal/..."}},

	{"cluster/state", []string{"connectors/plugin"}},
	{"cluster/assign", []string{"cluster/state", "$java"}},
	{"cluster/security/...", []string{"connectors/errs"}},
	{"cluster/metrics", nil},
	{"cluster/kafka/...", []string{
		"connectors/data", "connectors/config", "connectors/errs", "$java",
		"cluster/state", "cluster/security", "cluster/metrics",
	}},
	{"cluster/kafkalog/...", []string{"connectors/data", "connectors/config", "connectors/errs", "cluster/state", "cluster/kafka"}},
	{"cluster/storage/...", []string{
		"connectors/data", "connectors/config", "connectors/errs", "$java",
		"cluster/state", "cluster/kafka", "cluster/kafkalog", "codecs", "codecs/json",
	}},
	{"cluster/group/...", []string{"connectors/data", "connectors/config", "connectors/errs", "$java", "cluster/state", "cluster/kafka", "cluster/metrics"}},

	{"actors/act", []string{"$below"}},
	{"actors/budget", []string{"$below"}},
	{"actors/settings", []string{"actors/budget", "$contracts", "connectors/config/...", "$java", "cluster/state"}},
	{"actors/host", []string{"$below", "actors/act"}},
	{"actors/offsets", []string{"$below", "actors/act", "actors/host", "actors/settings"}},
	{"actors/pipeline", []string{"$below", "actors/act", "actors/host", "actors/settings"}},
	{"actors/deadletters", []string{"$below", "actors/act", "actors/host", "actors/settings", "actors/pipeline", "codecs/json"}}, // those of sources are JSON
	{"actors/task", []string{"$below", "actors/act", "actors/deadletters", "actors/host", "actors/settings", "actors/offsets", "actors/pipeline"}},
	{"actors/connector", []string{"$below", "actors/act", "actors/budget", "actors/host", "actors/settings", "actors/offsets", "actors/pipeline", "actors/task"}},
	{"actors/herd", []string{"cluster/state"}}, // pure: what it decides on is given
	{"actors/member", []string{"$below", "actors/act", "actors/settings"}},
	{"actors/api", []string{"$below", "actors/act", "actors/host", "actors/settings", "actors/task", "actors/herd", "actors/member"}},
	{"actors/worker", []string{
		"$below", "actors/act", "actors/budget", "actors/host", "actors/settings", "actors/offsets", "actors/pipeline", "actors/task", "actors/connector",
		"actors/herd", "actors/member", "actors/api",
	}},
	{"actors", []string{"$below", "actors/..."}},

	{"httpapi/metrics/...", []string{"connectors/errs", "cluster/metrics"}},
	{"httpapi/peers", []string{"cluster/security", "connectors/errs"}},
	{"httpapi/...", []string{"$values", "$java", "connectors/config/properties", "cluster/state", "cluster/storage"}},
	{"cmd/...", []string{"..."}},
}

// layoutTestRules say what test files may import beyond what their package may: test kits and
// built-ins to test with. They are added by the folder at the top.
var layoutTestRules = map[string][]string{
	"connectors": {"connectors/..."},
	"smt":        {"connectors/...", "smt/..."},
	"codecs":     {"connectors/...", "codecs/..."},
	"cluster":    {"connectors/...", "cluster/...", "codecs/..."},
	"actors":     {"connectors/...", "smt/...", "codecs/...", "cluster/...", "actors/..."},
	"httpapi":    {"connectors/...", "cluster/state", "cluster/storage"},
}

// layoutOwners are libraries that one folder alone imports, so that each can be understood, faked
// and replaced in one place.
var layoutOwners = []struct{ library, folder string }{
	{"github.com/asynkron/protoactor-go/...", "actors/..."},
	{"github.com/IBM/sarama/...", "cluster/kafka/..."},
	{"github.com/twmb/franz-go/...", "cluster/kafka/..."},
	{"github.com/gin-gonic/gin/...", "httpapi/..."},
}

// covers reports whether the pattern is of the package.
func covers(pattern, pkg string) bool {
	if pattern == "..." {
		return true
	}
	if folder, all := strings.CutSuffix(pattern, "/..."); all {
		return pkg == folder || strings.HasPrefix(pkg, folder+"/")
	}
	return pattern == pkg
}

func anyCovers(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if group, ok := layoutGroups[p]; ok {
			return anyCovers(group, pkg)
		}
		return covers(p, pkg)
	})
}

// ownFolder is the folder whose packages may import each other freely: two levels deep below a
// rule for a whole subtree, so that connectors/jdbc may have parts but not know connectors/s3.
func ownFolder(rule, pkg string) string {
	folder, all := strings.CutSuffix(rule, "/...")
	switch {
	case !all:
		return "" // exact: the package alone
	case strings.Contains(folder, "/") || folder == "httpapi":
		return folder + "/..."
	case pkg == folder:
		return folder
	}
	rest := strings.TrimPrefix(pkg, folder+"/")
	return folder + "/" + strings.SplitN(rest, "/", 2)[0] + "/..."
}

// forbidden says why a file of pkg may not import the path, or is empty.
func forbidden(pkg, imported string, test bool) string {
	for _, o := range layoutOwners {
		if covers(o.library, imported) && !covers(o.folder, pkg) {
			return "only " + o.folder + " imports it"
		}
	}
	ours, ok := strings.CutPrefix(imported, module+"/")
	if !ok {
		return ""
	}
	for _, r := range layoutRules {
		if !covers(r.pkg, pkg) {
			continue
		}
		own := ownFolder(r.pkg, pkg)
		if anyCovers(r.ours, ours) || own != "" && covers(own, ours) {
			return ""
		}
		if test && (ours == pkg || anyCovers(layoutTestRules[strings.SplitN(pkg, "/", 2)[0]], ours)) {
			return ""
		}
		return fmt.Sprintf("the rule of %s allows %v", r.pkg, r.ours)
	}
	return "no rule of layout_test.go is of this package: add one"
}

// TestLayout holds the arrows between packages: each folder knows only those below it.
func TestLayout(t *testing.T) {
	files := 0
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() {
			if name != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		pkg := path.Dir(filepath.ToSlash(name))
		if pkg == "." || !strings.HasSuffix(base, ".go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		files++
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if why := forbidden(pkg, imported, strings.HasSuffix(base, "_test.go")); why != "" {
				t.Errorf("%s imports %s: %s", name, imported, why)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 100 {
		t.Errorf("only %d files were looked at; is this the root of the module?", files)
	}
}

// TestLayoutRules checks the rules themselves against arrows known to be right or wrong.
func TestLayoutRules(t *testing.T) {
	for _, tt := range []struct {
		pkg, imported string
		test, allowed bool
	}{
		{"connectors/errs", "connectors/data", false, false},
		{"connectors/data", "connectors/errs", false, true},
		{"connectors/data", "connectors/java", false, true},
		{"connectors/java", "connectors/data", false, false},
		{"connectors/java/regex", "connectors/config", false, false},
		{"actors/task", "connectors/java/regex", false, true},
		{"connectors", "codecs", false, false},
		{"codecs", "connectors", false, false},
		{"smt", "codecs", false, false},
		{"connectors/jdbc/dialect", "connectors/jdbc", false, true},
		{"connectors/jdbc", "connectors/s3", false, false},
		{"connectors/jdbc", "cluster/kafka", false, false},
		{"connectors/mirror", "cluster/kafka", false, true},
		{"codecs/avro", "codecs/registry", false, true},
		{"codecs/json", "codecs/avro", false, false},
		{"codecs/registry", "cluster/security", false, false},
		{"codecs/registry/embedded", "cluster/kafka", false, false},
		{"codecs/registry/embedded", "codecs/registry", false, true},
		{"cluster/assign", "cluster/kafka", false, false},
		{"cluster/storage", "codecs/json", false, true},
		{"cluster/kafka", "actors", false, false},
		{"cluster/kafka", "cluster/security", false, true},
		{"cluster/security", "cluster/kafka", false, false},
		{"cluster/kafka/kafkatest", "cluster/kafka", false, true},
		{"actors/task", "actors/pipeline", false, true},
		{"actors/pipeline", "actors/task", false, false},
		{"actors/herd", "cluster/storage", false, false},
		{"actors/herd", "cluster/storage", true, true},
		{"actors/api", "actors/worker", false, false},
		{"actors/worker", "httpapi", false, false},
		{"actors/worker", "connectors/filestream", false, false},
		{"actors/worker", "connectors/filestream", true, true},
		{"actors/worker", "httpapi", true, false},
		{"httpapi", "actors", false, false},
		{"httpapi", "actors", true, false},
		{"httpapi", "httpapi/entity", false, true},
		{"httpapi", "cluster/security", false, false},
		{"httpapi/peers", "cluster/security", false, true},
		{"cmd/troupe", "actors", false, true},
		{"elsewhere", "connectors", false, false},
	} {
		if why := forbidden(tt.pkg, module+"/"+tt.imported, tt.test); (why == "") != tt.allowed {
			t.Errorf("%s importing %s (test: %t): %q", tt.pkg, tt.imported, tt.test, why)
		}
	}
	for _, tt := range []struct {
		pkg, library string
		allowed      bool
	}{
		{"actors/act", "github.com/asynkron/protoactor-go/actor", true},
		{"httpapi", "github.com/asynkron/protoactor-go/actor", false},
		{"cluster/kafka/kafkatest", "github.com/twmb/franz-go/pkg/kfake", true},
		{"cluster/group", "github.com/IBM/sarama", false},
		{"cmd/troupe", "github.com/gin-gonic/gin", false},
		{"cmd/troupe", "github.com/spf13/cobra", true},
	} {
		if why := forbidden(tt.pkg, tt.library, false); (why == "") != tt.allowed {
			t.Errorf("%s importing %s: %q", tt.pkg, tt.library, why)
		}
	}
}
