package main

import (
	"strings"
	"testing"
)

func TestTheSizeOfAnAnswer(t *testing.T) {
	const whole = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: y\r\n\r\n{}"
	for name, test := range map[string]struct {
		begin string
		size  int
		fails bool
	}{
		"nothing yet":        {"", 0, false},
		"half a head":        {whole[:20], 0, false},
		"a head":             {whole[:len(whole)-2], len(whole), false},
		"all of it":          {whole, len(whole), false},
		"no length":          {"HTTP/1.1 200 OK\r\n\r\n", 0, true},
		"a head like a book": {strings.Repeat("x", maxAnswer), 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			size, err := answerSize([]byte(test.begin))
			if size != test.size || (err != nil) != test.fails {
				t.Errorf("got %d, %v, want %d", size, err, test.size)
			}
		})
	}
}
