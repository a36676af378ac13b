// Package fileaudit keeps an audit trail (gateway/audit) in append-only files of one folder.
//
// One goroutine writes. All entries that wait share one write and one fdatasync; an entry is acknowledged after it. Every
// second in which something was written the end is signed, in the trail and in the file HEAD. After a failed write the
// files are cut back to what was acknowledged before anything else is written, and until that works nothing is: see
// recover in writer.go.
package fileaudit
