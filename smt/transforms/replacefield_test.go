package transforms

import (
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/smt"
)

// Two fields of a map without a schema that come to have one name: the last in the order of Java's
// HashMap stays. The answers are those of Kafka Connect 4.1.1 to the same maps.
func TestReplaceFieldOntoOneName(t *testing.T) {
	for _, tt := range []struct{ fields, renames, name, want string }{
		{"zeta,alpha,beta", "zeta:x,alpha:x", "x", "alpha"},
		{"alpha,zeta", "zeta:x,alpha:x", "x", "alpha"},
		{"x,alpha", "alpha:x", "x", "x"},
		{"alpha,x", "alpha:x", "x", "x"},
		{"user_id,id", "user_id:id", "id", "id"},
		{"id,user_id", "user_id:id", "id", "id"},
		{"a,b,c,d,e,f,g,h,i,j,k,l,m,n", "a:z,n:z,f:z", "z", "n"},
		{"name,first,last", "first:name,last:name", "name", "first"},
		{"last,first,name", "first:name,last:name", "name", "first"},
		{"Aa,BB", "Aa:q,BB:q", "q", "BB"},
		{"BB,Aa", "Aa:q,BB:q", "q", "Aa"},
		{"order,ts,created_at", "created_at:ts", "ts", "ts"},
		{"key42,key7", "key42:k,key7:k", "k", "key42"},
		{"été,😀", "été:k,😀:k", "k", "été"},
	} {
		m := data.NewMap(4)
		for f := range strings.SplitSeq(tt.fields, ",") {
			m.Put(f, f)
		}
		x := &replaceField{side: smt.Value}
		if err := x.Configure(map[string]string{"renames": tt.renames}); err != nil {
			t.Fatal(err)
		}
		r, err := x.Apply(&data.Record{Value: m})
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := r.Value.(*data.Map).Get(tt.name); got != tt.want {
			t.Errorf("%s with %s: %s is %v, want %s", tt.fields, tt.renames, tt.name, got, tt.want)
		}
	}
}
