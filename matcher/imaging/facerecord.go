package imaging

// FormatFaceRecord is the media type of ISO/IEC 19794-5 face image records, of the editions of 2005 and 2011 (versions 010 and
// 030). They hold pictures in JPEG, JPEG 2000 or PNG; the first is read, and the rest of the record is checked for its lengths and
// passed over: feature points, quality, and what it says of the person. Sizes that a record states beside its picture's own are
// not used.
const FormatFaceRecord = "application/vnd.iso.19794-5"

// faceRecordPictures are the media types by a record's image data type; the edition of 2005 has the first two.
var faceRecordPictures = [...]string{"image/jpeg", "image/jp2", "image/jp2", "image/png"}

func recordBroken(format string, args ...any) error {
	return refuse(CodeUndecodable, "the face record is broken: "+format, args...)
}

// unwrapped returns the picture within a face record and its media type. Other data passes through, and so do claims that it is
// something else.
func unwrapped(data []byte, claimed string) (picture []byte, media string, err error) {
	if claim := normalClaim(claimed); !beginsFaceRecord(data) || claim != "" && claim != FormatFaceRecord {
		return data, claimed, nil
	}
	f := byteFields{b: data[4:]}
	version, length := string(f.take(4)), f.number(4)
	if f.short || length < 14 || length > len(data) {
		return nil, "", recordBroken("it is cut off")
	}
	f.b = data[12:length]
	if f.number(2) == 0 {
		return nil, "", recordBroken("it has no picture")
	}
	kind := 0
	switch version {
	case "010\x00":
		picture, kind = f.picture2005()
	case "030\x00":
		picture, kind = f.picture2011()
	default:
		return nil, "", refuse(CodeFormat, "face records of version %q are not supported", version)
	}
	switch {
	case f.short:
		return nil, "", recordBroken("a length in it is wrong")
	case kind >= len(faceRecordPictures) || version == "010\x00" && kind > 1:
		return nil, "", refuse(CodeFormat, "pictures of type %d in face records are not supported", kind)
	}
	return picture, faceRecordPictures[kind], nil
}

func beginsFaceRecord(data []byte) bool { return magic(0, "FAC\x00")(data) }

// picture2005 reads the first facial record data block.
func (f *byteFields) picture2005() (picture []byte, kind int) {
	f.b = f.take(f.number(4) - 4) // which counts itself
	points := f.number(2)
	f.take(14) // gender, colours of eyes and hair, properties, expression, pose and its uncertainty
	f.take(8 * points)
	f.take(1) // face image type
	kind = f.number(1)
	f.take(10) // width, height, colour space, source, device, quality
	return f.b, kind
}

// picture2011 reads what is left of the general header and the first representation; three-dimensional data may follow upon
// its picture.
func (f *byteFields) picture2011() (picture []byte, kind int) {
	certified := f.number(1) == 1
	f.take(2) // temporal semantics
	f.b = f.take(f.number(4) - 4)
	f.take(14) // capture date and device
	f.take(5 * f.number(1))
	if certified {
		f.take(3 * f.number(1))
	}
	points := f.number(2)
	f.take(15) // gender, colours of eyes and hair, height, properties, expression, pose and its uncertainty
	f.take(8 * points)
	f.take(1) // face image type
	kind = f.number(1)
	f.take(9) // width, height, sampling rate, processing, cross reference, colour space
	return f.take(f.number(4)), kind
}
