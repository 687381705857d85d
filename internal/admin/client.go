package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

const (
	// maxAnswer bounds what the client reads of an answer: some ten thousand
	// rooms.
	maxAnswer = 4 << 20
	// clientTimeout bounds a request unless the caller brings a client of
	// their own.
	clientTimeout = 15 * time.Second
)

// Client asks the management listener of a server. Its errors are for the
// person who typed the command: they say which server, and what to do. None
// shows the token.
type Client struct {
	// URL is where the listener is, such as "http://127.0.0.1:8081".
	URL string
	// Token is the admin token.
	Token string
	// HTTP makes the requests; nil stands for one with a timeout of 15 s.
	HTTP *http.Client
}

// Rooms returns all rooms in the order of the server's configuration.
func (c *Client) Rooms(ctx context.Context) ([]Room, error) {
	var all list
	if err := c.do(ctx, http.MethodGet, roomsPath, nil, &all); err != nil {
		return nil, err
	}
	return all.Rooms, nil
}

// Room returns one room. An unknown one is an error that wraps
// [waitingroom.ErrNoRoom].
func (c *Client) Room(ctx context.Context, id string) (Room, error) {
	if !regexp.MustCompile(waitingroom.RoomID).MatchString(id) {
		return Room{}, c.noRoom(id) // Part of an address could mean another one.
	}
	var room Room
	err := c.do(ctx, http.MethodGet, roomsPath+"/"+id, nil, &room)
	if refused, ok := errors.AsType[*refusal](err); ok && refused.status == http.StatusNotFound && refused.text != "" {
		return Room{}, c.noRoom(id)
	}
	return room, err
}

// Serve lets n more visitors into a room, or takes places back if n is
// negative, and returns the serving counter after that. An unknown room is an
// error that wraps [waitingroom.ErrNoRoom].
func (c *Client) Serve(ctx context.Context, id string, n int64) (serving int64, err error) {
	var answer struct {
		Serving int64 `json:"serving_num"`
	}
	order := map[string]any{"event_id": id, "increment_by": n}
	err = c.change(ctx, "/private/increment_serving_counter", id, order, &answer)
	return answer.Serving, err
}

// Reset empties a room: all places and sessions end. An unknown room is an
// error that wraps [waitingroom.ErrNoRoom].
func (c *Client) Reset(ctx context.Context, id string) error {
	var answer struct{}
	return c.change(ctx, "/private/reset_initial_state", id, map[string]any{"event_id": id}, &answer)
}

// change posts an order to the private API.
func (c *Client) change(ctx context.Context, path, id string, order map[string]any, answer any) error {
	body, err := json.Marshal(order)
	if err != nil {
		return fmt.Errorf("write the order: %w", err)
	}
	err = c.do(ctx, http.MethodPost, path, body, answer)
	if refused, ok := errors.AsType[*refusal](err); ok && refused.text == "Invalid event ID" {
		return c.noRoom(id)
	}
	return err
}

func (c *Client) noRoom(id string) error {
	return fmt.Errorf("%w %q on the server at %s", waitingroom.ErrNoRoom, id, c.where())
}

// where returns the server's URL without a password that may be in it.
func (c *Client) where() string {
	u, err := url.Parse(c.URL)
	if err != nil {
		return "the given URL"
	}
	return u.Redacted()
}

// do sends a request and reads the answer into v.
func (c *Client) do(ctx context.Context, method, path string, body []byte, v any) error {
	base, err := url.Parse(c.URL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return errors.New("the server's URL must be of the form http://host:port or https://host:port")
	}
	r, err := http.NewRequestWithContext(ctx, method, base.JoinPath(path).String(), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask the server at %s: %w", c.where(), err)
	}
	r.Header.Set("Authorization", "Bearer "+c.Token)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := c.client().Do(r)
	if err != nil {
		return c.unreachable(err)
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return fmt.Errorf("read the answer of the server at %s: %w", c.where(), err)
	}
	return c.read(response, data, v)
}

// client returns the caller's HTTP client, made not to follow redirects: the
// listener sends none, and the token is for nobody else.
func (c *Client) client() *http.Client {
	h := http.Client{Timeout: clientTimeout}
	if c.HTTP != nil {
		h = *c.HTTP
	}
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &h
}

// unreachable explains why there is no answer.
func (c *Client) unreachable(err error) error {
	if fault, ok := errors.AsType[*url.Error](err); ok {
		err = fault.Err // Without the address, which the texts below have.
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return fmt.Errorf("no server answers at %s; is it running? (%w)", c.where(), err)
	}
	return fmt.Errorf("ask the server at %s: %w", c.where(), err)
}

// read understands an answer.
func (c *Client) read(response *http.Response, data []byte, v any) error {
	if response.StatusCode == http.StatusUnauthorized {
		return fmt.Errorf("the server at %s refused the token", c.where())
	}
	if response.StatusCode == http.StatusForbidden {
		return fmt.Errorf("the token does not allow that on the server at %s: its role or its rooms do not reach so far", c.where())
	}
	if response.StatusCode != http.StatusOK {
		refused := &refusal{where: c.where(), status: response.StatusCode}
		var p problem
		if err := json.Unmarshal(data, &p); err == nil {
			refused.text = p.Error
		}
		return refused
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("what answers at %s is not the management listener of Anteroom: %w", c.where(), err)
	}
	return nil
}

// refusal is an answer other than 200 or 401.
type refusal struct {
	where  string
	status int
	text   string
}

// Error implements error. The text comes from the network and ends up in a
// terminal, so it is quoted.
func (e *refusal) Error() string {
	if e.status == http.StatusServiceUnavailable {
		return fmt.Sprintf("the server at %s doesn't reach its store, and its log says why; look how things stand before you repeat an order", e.where)
	}
	text := fmt.Sprintf("the server at %s answered %d %s", e.where, e.status, http.StatusText(e.status))
	if e.text != "" {
		text += fmt.Sprintf(": %q", e.text)
	}
	return text
}
