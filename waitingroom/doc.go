// Package waitingroom is the engine of a virtual waiting room.
package waitingroom
