//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// TestTheComposeFileWithoutItsContainers runs what deploy/compose.yaml runs, with its
// own configurations, as processes on loopback: Redis, two nodes and HAProxy. While
// visitors come, each node is stopped and started again, one after the other, as
// with a new version.
func TestTheComposeFileWithoutItsContainers(t *testing.T) {
	haproxy := program(t, "/usr/sbin/haproxy", "install Debian's package haproxy")
	c := &composed{t: t, dir: t.TempDir(), names: make(map[string]string)}
	c.secret("master-secret")
	c.secret("admin-token")
	c.secret("redis-password")
	c.startRedis()
	nodes := []*server{c.startNode("node1"), c.startNode("node2")}
	alive := c.startBalancer(haproxy)
	visitors := c.arrive()
	for _, node := range nodes {
		node.Stop()
		eventually(t, "one node is gone", func() bool { return fetch(t, alive) == "1" })
		node.start()
		eventually(t, "both nodes are back", func() bool { return fetch(t, alive) == "2" })
	}
	visitors.Leave()
}

// Composed is the compose file's installation.
type composed struct {
	t     *testing.T
	dir   string
	base  string            // The URL of the load balancer.
	names map[string]string // What the files say, and what it is here.
}

// here returns a file of deploy/compose with the names that hold here.
func (c *composed) here(name string) string {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join("../deploy/compose", name))
	if err != nil {
		c.t.Fatal(err)
	}
	return c.rename(string(text))
}

func (c *composed) rename(text string) string {
	for there, here := range c.names {
		text = strings.ReplaceAll(text, there, here)
	}
	return text
}

func (c *composed) write(name, text string) string {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return path
}

func (c *composed) secret(name string) {
	c.t.Helper()
	c.names["/run/secrets/"+name] = c.write(name, strings.Repeat("0123456789abcdef", 4)+"\n")
}

// startRedis runs the command of the compose file, by which the password reaches
// Redis.
func (c *composed) startRedis() {
	c.t.Helper()
	program(c.t, "redis-server", "install Debian's package redis-server")
	text, err := os.ReadFile("../deploy/compose.yaml")
	if err != nil {
		c.t.Fatal(err)
	}
	var compose struct {
		Services map[string]struct {
			Command []string `yaml:"command"`
		} `yaml:"services"`
	}
	if err := yaml.Unmarshal(text, &compose); err != nil {
		c.t.Fatal(err)
	}
	address := freeAddress(c.t, "127.0.0.1")
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		c.t.Fatal(err)
	}
	c.names["dir /data"] = "dir " + c.dir
	c.names["/etc/redis.conf"] = c.write("redis.conf", c.here("redis.conf")+"\nbind "+host+"\nport "+port+"\n")
	c.names["redis://redis:6379"] = "redis://" + address
	// Compose takes a single $ for a variable of its own.
	command := c.rename(strings.ReplaceAll(compose.Services["redis"].Command[2], "$$", "$"))
	startProcess(c.t, address, exec.Command("sh", "-c", command))
}

// startNode runs the server with the nodes' configuration.
func (c *composed) startNode(name string) *server {
	c.t.Helper()
	public, management := freeAddress(c.t, "127.0.0.1"), freeAddress(c.t, "127.0.0.1")
	s := &server{
		t: c.t, dir: c.t.TempDir(), program: []string{binary}, Issuer: "http://" + public, Management: "http://" + management,
		address: fmt.Sprintf("listening public=%s management=%s", public, management),
	}
	text := strings.NewReplacer(
		`listen: ":8080"`, "listen: "+public, "127.0.0.1:8081", management, "state_dir: /var/lib/anteroom", "state_dir: "+s.dir,
	).Replace(c.here("anteroom.yaml"))
	s.write("anteroom.yaml", text)
	c.names[name+":8080"] = public
	c.t.Cleanup(s.Stop)
	s.start()
	return s
}

// startBalancer runs HAProxy, and returns a URL that tells how many nodes it
// takes to be alive.
func (c *composed) startBalancer(program string) string {
	c.t.Helper()
	public, watch := freeAddress(c.t, "127.0.0.1"), freeAddress(c.t, "127.0.0.1")
	c.names["bind :8080"] = "bind " + public
	c.names["maxconn 20000"] = "maxconn 200" // For a limit of files that is not ours to set.
	c.base = "http://" + public
	text := c.here("haproxy.cfg") + "\nfrontend watch\n    bind " + watch +
		"\n    http-request return status 200 content-type text/plain lf-string %[nbsrv(nodes)]\n"
	startProcess(c.t, public, exec.Command(program, "-f", c.write("haproxy.cfg", text)))
	return "http://" + watch
}

// fetch returns what a URL answers.
func fetch(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// Comers are visitors who come all the time.
type comers struct {
	t    *testing.T
	stop chan struct{}
	done sync.WaitGroup

	mu     sync.Mutex
	looked int
	places map[string]bool // By request ID.
}

// arrive lets visitors come, look at the line and take places.
func (c *composed) arrive() *comers {
	v := &comers{t: c.t, stop: make(chan struct{}), places: make(map[string]bool)}
	for range 4 {
		v.done.Go(func() {
			for {
				select {
				case <-v.stop:
					return
				case <-time.After(5 * time.Millisecond):
					v.look(c.base)
					v.join(c.base)
				}
			}
		})
	}
	return v
}

// look must always be answered: the load balancer asks the other node.
func (v *comers) look(base string) {
	answer, err := http.Get(base + "/public/serving_num?event_id=sale")
	if err != nil {
		v.t.Errorf("look: %v", err)
		return
	}
	defer answer.Body.Close()
	if _, _ = io.Copy(io.Discard, answer.Body); answer.StatusCode != http.StatusOK {
		v.t.Errorf("look: status %d", answer.StatusCode)
	}
	v.mu.Lock()
	v.looked++
	v.mu.Unlock()
}

// join may be refused when the connection to a node ends in the moment of asking, as
// nobody but the visitor knows whether to ask again. It must never deal a place
// twice.
func (v *comers) join(base string) {
	answer, err := http.Post(base+"/public/assign_queue_num", "application/json", strings.NewReader(`{"event_id":"sale"}`))
	if err != nil {
		return
	}
	defer answer.Body.Close()
	var place struct {
		ID string `json:"api_request_id"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&place); answer.StatusCode != http.StatusOK || err != nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if !regexp.MustCompile(`^[0-9a-f-]{36}$`).MatchString(place.ID) || v.places[place.ID] {
		v.t.Errorf("place %q was dealt twice, or is none", place.ID)
	}
	v.places[place.ID] = true
}

// Leave ends the coming.
func (v *comers) Leave() {
	v.t.Helper()
	close(v.stop)
	v.done.Wait()
	if v.looked < 100 || len(v.places) < 100 || len(v.places) < v.looked*99/100 {
		v.t.Errorf("%d looked and %d got a place, want hundreds, and nearly all of them", v.looked, len(v.places))
	}
	v.t.Logf("%d looked, %d got a place", v.looked, len(v.places))
}
