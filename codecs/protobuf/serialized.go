package protobuf

import (
	"encoding/base64"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

// metaNumber is the number of the extension (confluent.field_meta) of field options.
const metaNumber = 1088

// serialized is the file as base64 of its descriptor, for schema.format=serialized.
func (f *file) serialized() string {
	fd := &descriptorpb.FileDescriptorProto{
		Name: new(f.name), Dependency: append(append([]string{}, f.imports...), f.public...),
		Syntax: new(f.syntax),
	}
	if f.pkg != "" {
		fd.Package = new(f.pkg)
	}
	for _, m := range f.messages {
		fd.MessageType = append(fd.MessageType, m.descriptor())
	}
	for _, e := range f.enums {
		fd.EnumType = append(fd.EnumType, e.descriptor())
	}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(fd)
	if err != nil {
		return f.text()
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// descriptor makes the oneof of each `optional` field that proto3's descriptors have, behind the
// real ones.
func (m *message) descriptor() *descriptorpb.DescriptorProto {
	d := &descriptorpb.DescriptorProto{Name: new(m.name)}
	places := map[*oneof]int32{}
	for i, o := range m.oneofs {
		places[o] = int32(i)
		d.OneofDecl = append(d.OneofDecl, &descriptorpb.OneofDescriptorProto{Name: new(o.name)})
	}
	for _, f := range m.fields {
		fd := f.descriptor()
		switch {
		case f.oneof != nil:
			fd.OneofIndex = new(places[f.oneof])
		case f.optional:
			fd.Proto3Optional, fd.OneofIndex = new(true), new(int32(len(d.OneofDecl)))
			d.OneofDecl = append(d.OneofDecl, &descriptorpb.OneofDescriptorProto{Name: new("_" +
				f.name)})
		}
		d.Field = append(d.Field, fd)
	}
	for _, n := range m.messages {
		d.NestedType = append(d.NestedType, n.descriptor())
	}
	for _, e := range m.enums {
		d.EnumType = append(d.EnumType, e.descriptor())
	}
	return d
}

// descriptor has (confluent.field_meta) as an unknown field of the options, which is what it is to
// Go's classes.
func (f *field) descriptor() *descriptorpb.FieldDescriptorProto {
	fd := &descriptorpb.FieldDescriptorProto{Name: new(f.name), Number: new(f.number)}
	if f.repeated {
		fd.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
	} else if f.optional || f.oneof != nil {
		fd.Label = descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()
	}
	switch f.kind {
	case kMessage:
		fd.Type, fd.TypeName = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(),
			new(f.typeName)
	case kEnum:
		fd.Type, fd.TypeName = descriptorpb.FieldDescriptorProto_TYPE_ENUM.Enum(), new(f.typeName)
	default:
		for t, k := range kindsByType {
			if k == f.kind {
				fd.Type = t.Enum()
			}
		}
	}
	if len(f.params) > 0 {
		var meta []byte
		for _, p := range f.params {
			var entry []byte
			entry = protowire.AppendString(protowire.AppendTag(entry, 1, protowire.BytesType),
				p.key)
			entry = protowire.AppendString(protowire.AppendTag(entry, 2, protowire.BytesType),
				p.value)
			meta = protowire.AppendBytes(protowire.AppendTag(meta, 2, protowire.BytesType), entry)
		}
		fd.Options = &descriptorpb.FieldOptions{}
		raw := protowire.AppendBytes(protowire.AppendTag(nil, metaNumber, protowire.BytesType),
			meta)
		fd.Options.ProtoReflect().SetUnknown(raw)
	}
	return fd
}

// descriptor has the values in the order of the text.
func (e *enum) descriptor() *descriptorpb.EnumDescriptorProto {
	d := &descriptorpb.EnumDescriptorProto{Name: new(e.name)}
	for _, v := range e.values {
		d.Value = append(d.Value, &descriptorpb.EnumValueDescriptorProto{
			Name:   new(v.name),
			Number: new(v.number),
		})
	}
	return d
}
