package registry

import (
	"crypto/md5" //nolint:gosec // the registry's own way to name a schema, not a protection
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// The first byte of a frame, and the names of the headers that hold a frame.
const (
	magicID   = 0
	magicGUID = 1

	keyHeader   = "__key_schema_id"
	valueHeader = "__value_schema_id"
)

// SchemaID is how a frame names a schema: by the registry's number or by a GUID.
type SchemaID struct {
	ID     int32
	GUID   [16]byte
	ByGUID bool
}

// text is the id as the JVM's converters print it.
func (id SchemaID) text(f Format) string {
	number, guid := strconv.Itoa(int(id.ID)), "null"
	if id.ByGUID {
		number, guid = "null", guidText(id.GUID)
	}
	return fmt.Sprintf("SchemaId{schemaType='%s', id=%s, guid='%s', messageIndexes=null}", f,
		number, guid)
}

// guidText is a GUID as UUIDs are written.
func guidText(g [16]byte) string {
	h := hex.EncodeToString(g[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// parseGUID reads what guidText writes.
func parseGUID(text string) (g [16]byte, err error) {
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return g, errors.New("no GUID: " + strconv.Quote(text))
	}
	raw, err := hex.DecodeString(text[:8] + text[9:13] + text[14:18] + text[19:23] + text[24:])
	if err != nil {
		return g, errors.New("no GUID: " + strconv.Quote(text))
	}
	return [16]byte(raw), nil
}

// GUIDOf is the GUID of a schema that has text only: for registries that don't say it.
func GUIDOf(s Schema) string {
	h := md5.New() //nolint:gosec // see the import
	h.Write([]byte(s.Text))
	for _, r := range s.References {
		h.Write([]byte(r.Name))
		h.Write([]byte(r.Subject))
		var v [4]byte
		binary.BigEndian.PutUint32(v[:], uint32(r.Version))
		h.Write(v[:])
	}
	h.Write(s.Metadata)
	h.Write(s.Rules)
	return guidText([16]byte(h.Sum(nil)))
}

// Frame is a value taken apart.
type Frame struct {
	ID SchemaID
	// Extra is what follows the id in a header: Protobuf's message indexes. Without a header they
	// stand at the start of Payload.
	Extra []byte
	// InHeader says that the id was in a header.
	InHeader bool
	Payload  []byte
}

var (
	errMagic = errors.New("Unknown magic byte!")
	errShort = errors.New("the value ends within the schema id")
)

// appendID is the frame of an id.
func appendID(b []byte, id int32) []byte {
	return binary.BigEndian.AppendUint32(append(b, magicID), uint32(id))
}

// parseID takes the id from the start of b.
func parseID(b []byte) (id SchemaID, rest []byte, err error) {
	switch {
	case len(b) == 0:
		return id, nil, errShort
	case b[0] == magicID && len(b) >= 5:
		id.ID = int32(binary.BigEndian.Uint32(b[1:]))
		return id, b[5:], nil
	case b[0] == magicGUID && len(b) >= 17:
		id.ByGUID = true
		id.GUID = [16]byte(b[1:17])
		return id, b[17:], nil
	case b[0] == magicID || b[0] == magicGUID:
		return id, nil, errShort
	}
	return id, nil, errMagic
}

// Frame takes a value apart that is not nil. headers may be nil. Errors are errs.Data.
func (s *Session) Frame(headers codecs.Headers, topic string, value []byte) (f Frame, err error) {
	if headers != nil && !s.Settings.prefixOnly {
		if h, ok := headers.Last(s.header); ok {
			f.InHeader, f.Payload = true, value
			if f.ID, f.Extra, err = parseID(h); err != nil {
				return f, s.frameError(topic, err)
			}
			return f, nil
		}
	}
	if f.ID, f.Payload, err = parseID(value); err != nil {
		return f, s.frameError(topic, err)
	}
	return f, nil
}

// frameError is the error of a payload that doesn't begin with an id: mostly one that was written
// without a registry.
func (s *Session) frameError(topic string, err error) error {
	return errs.Data.Wrap(errs.Serialization.Wrap(err, "Error deserializing schema ID"),
		s.words.read, topic)
}
