package regex

import "github.com/troupe-connect/troupe/connectors/config"

// Validator checks that a setting is a regular expression.
func Validator() config.Validator {
	return config.LambdaValidator("valid regex", func(name string, value any) error {
		pattern, ok := value.(string)
		if !ok {
			return config.Invalid(name, value, "Invalid regex: null")
		}
		if _, err := Compile(pattern); err != nil {
			return config.Invalid(name, value, "Invalid regex: "+err.Error())
		}
		return nil
	})
}
