package jsonschema

// kind is what a schema is to Everit's library, by which the JVM's converter reads schemas.
type kind uint8

const (
	kEmpty kind = iota
	kTrue
	kFalse
	kNull
	kBoolean
	kNumber
	kString
	kConst
	kEnum
	kArray
	kObject
	kCombined
	kNot
	kConditional
	kReference
)

var kindNames = [...]string{
	"EmptySchema", "TrueSchema", "FalseSchema", "NullSchema", "BooleanSchema", "NumberSchema",
	"StringSchema", "ConstSchema",
	"EnumSchema", "ArraySchema", "ObjectSchema", "CombinedSchema", "NotSchema", "ConditionalSchema",
	"ReferenceSchema",
}

// criterion says how many of a combined schema's parts must fit.
type criterion uint8

const (
	allOf criterion = iota + 1
	anyOf
	oneOf
)

// model is one schema of a JSON Schema document, with what Kafka Connect asks of it.
type model struct {
	kind               kind
	title, description string
	def                any // the default, if hasDef
	hasDef             bool
	extra              *object // attributes that JSON Schema doesn't know

	raw        *object // the keywords, of what isn't a reference or combined
	id         string
	integer    bool     // of a number
	values     []any    // of an enum; of a const the only one
	item       *model   // of an array, nil for none or several
	items      []*model // of an array, one by one
	moreItems  *model   // what further items of an array are
	noMore     bool     // there are no further items
	properties []property
	required   map[string]bool
	additional *model     // what additional properties are
	closed     bool       // there are no additional properties
	patterns   []property // by a pattern that their names match
	dependent  map[string]*model
	inner      *model // of not
	parts      []*model
	criterion  criterion
	generated  bool   // parts stand side by side in one schema, without a keyword
	referred   *model // of a reference
}

// property is a property of an object, in the order in which Java's map has them.
type property struct {
	name   string
	schema *model
}

// property finds a property, nil for none.
func (m *model) property(name string) *model {
	for _, p := range m.properties {
		if p.name == name {
			return p.schema
		}
	}
	return nil
}

// setProperties takes properties, in the order of the text, in Java's order.
func (m *model) setProperties(names []string, schemas map[string]*model) {
	o := newObject()
	for _, name := range names {
		o.put(name, nil)
	}
	for _, name := range o.hashed().names {
		m.properties = append(m.properties, property{name, schemas[name]})
	}
}
