package pad

import (
	"context"
	"math"

	"biogate/bench/synth"
	"biogate/matcher"
	"biogate/matcher/imaging"
)

// Swapped is the species of photographs of a person that are shown in turn, as they are and mirrored, each as nearly in the
// pose asked for as there is one.
const Swapped synth.Species = "swapped-photographs"

// candidate is a photograph with the pose that the engine reads off it, in degrees.
type candidate struct {
	picture    imaging.RGB
	yaw, pitch float64
}

// swap answers a head-turn challenge with photographs alone; nil when there are no two.
func swap(ctx context.Context, e Engine, p Photo, seed uint64) (*matcher.PAD, error) {
	if len(p.Others) == 0 {
		return nil, nil
	}
	var list []candidate
	for _, data := range append([][]byte{p.Data}, p.Others...) {
		picture, err := imaging.DecodeRGB(data, "")
		if err != nil {
			return nil, err
		}
		for _, version := range []imaging.RGB{picture, mirrored(picture)} {
			c, err := lookAt(ctx, e, version)
			if isUnusable(err) {
				continue
			}
			if err != nil {
				return nil, err
			}
			list = append(list, c)
		}
	}
	if len(list) < 2 {
		return nil, nil
	}
	play := script(HeadTurn, Swapped, seed)
	frames := make([]matcher.Frame, len(play.shots))
	for i, s := range play.shots {
		c := nearest(list, degrees(s.pose.Yaw), degrees(s.pose.Pitch))
		x, err := e.Extract(ctx, matcher.Sample{Modality: matcher.Face, Data: synth.EncodeJPEG(c.picture, 80+i)}, nil) // no two frames are equal
		if err != nil {
			return nil, err
		}
		frames[i] = matcher.Frame{Taken: s.at, Seen: x.Seen, Template: x.Template}
	}
	pad, err := e.JudgeSequence(ctx, frames, play.challenge)
	return &pad, err
}

// traceQuality is what the face engine shows its measures under.
const traceQuality = "face/quality"

func lookAt(ctx context.Context, e Engine, picture imaging.RGB) (c candidate, err error) {
	c.picture = picture
	_, err = e.Extract(ctx, matcher.Sample{Modality: matcher.Face, Data: synth.EncodeJPEG(picture, 95)}, func(name string, value any) {
		if measures, ok := value.(map[string]float64); ok && name == traceQuality {
			c.yaw, c.pitch = measures["yaw"], measures["pitch"]
		}
	})
	return c, err
}

// nearest is the photograph whose pose is most like the one asked for: a turn that is not in any is made up for by the most
// turned one.
func nearest(list []candidate, yaw, pitch float64) candidate {
	best, least := list[0], math.Inf(1)
	for _, c := range list {
		if d := math.Hypot(c.yaw-yaw, c.pitch-pitch); d < least {
			best, least = c, d
		}
	}
	return best
}

func degrees(radians float64) float64 { return radians * 180 / math.Pi }

// mirrored is a photograph turned over.
func mirrored(p imaging.RGB) imaging.RGB {
	q := imaging.RGB{Width: p.Width, Height: p.Height, Pix: make([]byte, 0, len(p.Pix))}
	for y := range p.Height {
		for x := range p.Width {
			q.Pix = append(q.Pix, p.Pix[3*(y*p.Width+p.Width-1-x):][:3]...)
		}
	}
	return q
}
