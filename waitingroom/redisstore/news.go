package redisstore

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// Remember implements [waitingroom.Shared].
func (s *Store) Remember(ctx context.Context, room string, generation int64, browser [16]byte, dealt, dead waitingroom.RequestID, life time.Duration) (waitingroom.RequestID, error) {
	key := prefix(room, generation) + "p:" + string(browser[:])
	text, err := s.scripts.remember.Run(ctx, s.client, []string{key}, dealt[:], dead[:], life.Milliseconds()).Text()
	if err != nil {
		return waitingroom.RequestID{}, unavailable(err)
	}
	var held waitingroom.RequestID
	if copy(held[:], text) != len(held) {
		return waitingroom.RequestID{}, errReply
	}
	return held, nil
}

// Newcomers implements [waitingroom.Shared].
func (s *Store) Newcomers(ctx context.Context, room string, from [8]byte, apart time.Duration) (int, error) {
	key := "{" + room + "}:w:" + string(from[:])
	n, err := s.scripts.newcomers.Run(ctx, s.client, []string{key}, apart.Milliseconds()).Int()
	if err != nil {
		return 0, unavailable(err)
	}
	return n, nil
}

// Watch implements [waitingroom.Shared]: a script publishes the counters whenever
// it moved the serving counter, reset the room or settled it.
func (s *Store) Watch(ctx context.Context, room string, news func(waitingroom.Counters)) {
	pubsub := s.client.SSubscribe(ctx, "{"+room+"}:news")
	defer func() { _ = pubsub.Close() }()
	messages := pubsub.Channel()
	for {
		select {
		case <-ctx.Done():
			return
		case message, ok := <-messages:
			if !ok {
				return
			}
			if c, ok := parseNews(message.Payload); ok {
				s.room(room).note(c)
				news(c)
			}
		}
	}
}

// parseNews reads counters as room.lua publishes them: the numbers of a reply,
// with spaces between.
func parseNews(payload string) (waitingroom.Counters, bool) {
	var values []any
	for text := range strings.FieldsSeq(payload) {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return waitingroom.Counters{}, false
		}
		values = append(values, n)
	}
	in := &fields{values: []any{values}}
	c := in.counters()
	return c, !in.failed && !c.Now.Before(time.Unix(0, 0))
}
