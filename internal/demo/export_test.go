package demo

// Refresh is how a visitor of the crowd reads a Refresh header.
var Refresh = refresh

// Shelf is a shelf of the shop.
type Shelf[T any] struct{ *shelf[T] }

// NewShelf returns a shelf for so many values.
func NewShelf[T any](size int) Shelf[T] { return Shelf[T]{newShelf[T](size)} }

// Put, Get and Take are the methods of the shelf.
func (s Shelf[T]) Put(value T) string         { return s.put(value) }
func (s Shelf[T]) Get(name string) (T, bool)  { return s.get(name) }
func (s Shelf[T]) Take(name string) (T, bool) { return s.take(name) }
