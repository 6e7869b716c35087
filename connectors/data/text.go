package data

// String is the schema as Java prints it, Schema{name:TYPE}.
func (s *Schema) String() string {
	switch {
	case s == nil:
		return "null"
	case s.name != "":
		return "Schema{" + s.name + ":" + s.typ.String() + "}"
	}
	return "Schema{" + s.typ.String() + "}"
}
