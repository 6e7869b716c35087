package host_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// TestOneDoor holds that plugin code is reached through this package: nothing else below actors starts
// labelled goroutines or catches panics of its own, but for the primitives in act and the runner's
// guard around its own code.
func TestOneDoor(t *testing.T) {
	forbidden := map[string]string{"pprof.Do": "act.Run or host.Within start goroutines", "act.Catch": "host.Lane or host.Catch calls plugins"}
	allowed := map[string]bool{"act/actor.go": true, "act/failure.go": true, "host/host.go": true, "host/stall.go": true, "task/runner.go": true}
	for _, rounds := range []string{"api/fence.go", "api/publish.go", "member/duties.go"} { // a panic of ours ends the round
		allowed[rounds] = true
	}
	files := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		name := strings.TrimPrefix(filepath.ToSlash(path), "../")
		files++
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if _, ok := n.(*ast.CallExpr); ok && callee(n) == "recover" && !allowed[name] && !strings.HasPrefix(name, "pipeline/") && !strings.HasPrefix(name, "host/") {
				t.Errorf("%s: recover: host.Lane or host.Catch calls plugins", set.Position(n.Pos()))
			}
			if why, bad := forbidden[callee(n)]; bad && !allowed[name] {
				t.Errorf("%s: %s: %s", set.Position(n.Pos()), callee(n), why)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Errorf("only %d files were looked at; is this below actors?", files)
	}
}

// callee is what a call calls, as it is written; "" for anything else.
func callee(n ast.Node) string {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return ""
	}
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok {
			return x.Name + "." + f.Sel.Name
		}
	}
	return ""
}
