package limits

// Len is how many keys have an entry.
func (t *Table[K]) Len() int { return len(t.due) }
