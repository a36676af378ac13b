package face

import (
	"image"

	"biogate/matcher"
)

// What a trace shows, by name.
const (
	traceBoxes     = "face/boxes"     // every detection: x0, y0, x1, y1 in pixels of the picture, confidence
	traceLandmarks = "face/landmarks" // 68 points x, y
	traceAligned   = "face/aligned"   // the picture that the embedding sees
	traceQuality   = "face/quality"   // the measures that the quality is judged by
)

func showBoxes(tr matcher.Trace, boxes []box) {
	if tr == nil {
		return
	}
	rows := make([][5]float64, len(boxes))
	for i, b := range boxes {
		rows[i] = [5]float64{b.x0, b.y0, b.x1, b.y1, b.confidence}
	}
	tr(traceBoxes, rows)
}

func showFace(tr matcher.Trace, f alignedFace) {
	if tr == nil {
		return
	}
	rows := make([][2]float64, len(f.marks))
	for i, p := range f.marks {
		rows[i] = [2]float64{p.x, p.y}
	}
	tr(traceLandmarks, rows)
	face := f.pixels
	img := image.NewNRGBA(image.Rect(0, 0, face.w, face.h))
	for i := range face.r {
		copy(img.Pix[4*i:], []byte{byte(face.r[i] + 0.5), byte(face.g[i] + 0.5), byte(face.b[i] + 0.5), 255})
	}
	tr(traceAligned, img)
}

func showQuality(tr matcher.Trace, m measures) {
	if tr == nil {
		return
	}
	tr(traceQuality, map[string]float64{
		"clarity": m.clarity, "eye_distance": m.eyes, "sharpness": m.sharpness, "brightness": m.mean, "contrast": m.contrast,
		"yaw": m.yaw, "pitch": m.pitch, "roll": m.roll, "eyes_open": m.open, "inside": m.inside,
		"shade": m.shade, "eyes_covered": m.eyesCovered, "mouth_covered": m.mouthCovered, "other_face": m.other,
	})
}
