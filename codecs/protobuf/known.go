package protobuf

import (
	"embed"
	"strings"
	"sync"

	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/apipb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/sourcecontextpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/typepb"
)

// The files that every schema may import without a reference: those that Confluent's classes know.
const (
	wrappersFile  = "google/protobuf/wrappers.proto"
	timestampFile = "google/protobuf/timestamp.proto"
	dateFile      = "google/type/date.proto"
	timeFile      = "google/type/timeofday.proto"
	decimalFile   = "confluent/type/decimal.proto"
)

// The messages that Kafka Connect's logical types become, and the wrappers of single values.
const (
	decimalType   = "confluent.type.Decimal"
	dateType      = "google.type.Date"
	timeType      = "google.type.TimeOfDay"
	timestampType = "google.protobuf.Timestamp"
)

var wrapperKinds = map[string]kind{
	"google.protobuf.DoubleValue": kDouble, "google.protobuf.FloatValue": kFloat,
	"google.protobuf.Int64Value": kInt64, "google.protobuf.UInt64Value": kUint64,
	"google.protobuf.Int32Value": kInt32, "google.protobuf.UInt32Value": kUint32,
	"google.protobuf.BoolValue": kBool, "google.protobuf.StringValue": kString,
	"google.protobuf.BytesValue": kBytes,
}

//go:embed known
var knownTexts embed.FS

var knownDescriptors = map[string]protoreflect.FileDescriptor{
	"google/protobuf/any.proto":            anypb.File_google_protobuf_any_proto,
	"google/protobuf/api.proto":            apipb.File_google_protobuf_api_proto,
	"google/protobuf/descriptor.proto":     descriptorpb.File_google_protobuf_descriptor_proto,
	"google/protobuf/duration.proto":       durationpb.File_google_protobuf_duration_proto,
	"google/protobuf/empty.proto":          emptypb.File_google_protobuf_empty_proto,
	"google/protobuf/field_mask.proto":     fieldmaskpb.File_google_protobuf_field_mask_proto,
	"google/protobuf/source_context.proto": sourcecontextpb.File_google_protobuf_source_context_proto,
	"google/protobuf/struct.proto":         structpb.File_google_protobuf_struct_proto,
	"google/protobuf/type.proto":           typepb.File_google_protobuf_type_proto,
}

var knownTypes = map[string]string{
	decimalType: decimalFile, dateType: dateFile, timeType: timeFile, timestampType: timestampFile,
}

// The wrappers are known by the names that wrapperKinds has.
func init() {
	for name := range wrapperKinds {
		knownTypes[name] = wrappersFile
	}
}

var (
	knownMu    sync.Mutex
	knownFiles = map[string]*file{}
)

// knownFile is one of the files that need no reference, nil if there is none of that path. It is the
// same for all and must not be changed.
func knownFile(path string) *file {
	knownMu.Lock()
	defer knownMu.Unlock()
	if f, ok := knownFiles[path]; ok {
		return f
	}
	f := readKnown(path)
	knownFiles[path] = f
	if f == nil {
		delete(knownFiles, path)
	}
	return f
}

// readKnown parses a file: from its descriptor where Go has that, else from the text that is a
// part of the program. A path that isn't known is nil, not an error.
func readKnown(path string) *file {
	if fd := knownDescriptors[path]; fd != nil {
		f, err := (&converted{fd: protodesc.ToFileDescriptorProto(fd)}).file(path)
		if err != nil {
			return nil
		}
		return f
	}
	if strings.Contains(path, "..") {
		return nil
	}
	text, err := knownTexts.ReadFile("known/" + path)
	if err != nil {
		return nil
	}
	f, err := parse(path, string(text))
	if err != nil {
		return nil
	}
	return f
}

// wrapper is the message of wrappers.proto with the name.
func wrapper(name string) *message { return knownFile(wrappersFile).find(name) }

// linked resolves the types of a file by those it imports: of deps by path, else the known ones. An
// import that is neither is passed over, as its types are if they are not used.
func linked(f *file, deps map[string]*file) error {
	l := newLinker()
	seen := map[string]bool{}
	var files []*file
	var visit func(f *file)
	visit = func(f *file) {
		files = append(files, f)
		for _, list := range [][]string{f.imports, f.public} {
			for _, path := range list {
				if seen[path] {
					continue
				}
				seen[path] = true
				dep := deps[path]
				if dep == nil {
					dep = knownFile(path)
				}
				if dep != nil {
					visit(dep)
				}
			}
		}
	}
	visit(f)
	for _, f := range files {
		if err := l.add(f); err != nil {
			return err
		}
	}
	for _, dep := range files[1:] {
		if err := l.linkShared(dep); err != nil {
			return err
		}
	}
	return l.link(f)
}

// linkShared links a file that others may be linking, too.
func (l *linker) linkShared(f *file) error {
	knownMu.Lock()
	defer knownMu.Unlock()
	return l.link(f)
}
