package limits

// Len is how many keys have an entry.
func (t *Table[K]) Len() int { return len(t.due) }

// Len is how many subjects are held.
func (l *Local) Len() int { return len(l.held) }
