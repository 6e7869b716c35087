package boot

import "testing"

func TestLoginConfig(t *testing.T) {
	const option = "-Djava.security.auth.login.config="
	for _, tt := range []struct{ name, prop, opts, want string }{
		{"nothing", "", "", ""},
		{"other options", "", "-Xmx1g -Dx=y", ""},
		{"option", "", "-Xmx1g " + option + "/etc/jaas.conf -Dx=y", "/etc/jaas.conf"},
		{"relative", "", option + "jaas.conf", "jaas.conf"},
		{"last counts", "", option + "/a " + option + "/b", "/b"},
		{"two equals signs", "", option + "=/a", "/a"},
		{"file URL", "", option + "file:/a/b", "/a/b"},
		{"file URL with slashes", "", option + "file:///a/b", "/a/b"},
		{"property first", "/p", option + "/a", "/p"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			props := map[string]string{"java.security.auth.login.config": tt.prop}
			if got := loginConfig(props, tt.opts); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
