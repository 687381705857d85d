package admin

import (
	"net/http"
	"strings"
	"time"

	"github.com/anteroom-dev/anteroom/waitingroom"
)

// Room is how one room stands, as the management listener tells it. Counters
// are those of the present generation.
type Room struct {
	// ID names the room, and Name is what visitors see.
	ID   string `json:"id"`
	Name string `json:"name"`
	// Inlet is the kind of what moves the serving counter.
	Inlet string `json:"inlet"`
	// Generation is the room's life: 0 until its first reset.
	Generation int64 `json:"generation"`
	// Dealt is the last position dealt.
	Dealt int64 `json:"dealt"`
	// Serving is the serving counter; it may run ahead of Dealt.
	Serving int64 `json:"serving"`
	// Frontier is the highest position that can be claimed now.
	Frontier int64 `json:"frontier"`
	// Waiting is how many people stand in line.
	Waiting int64 `json:"waiting"`
	// Unclaimed is how many may enter now and have not.
	Unclaimed int64 `json:"unclaimed"`
	// Alive is the number of live sessions: how many are on the site.
	Alive int64 `json:"alive"`
	// Admitted is how many were ever let onto the site.
	Admitted int64 `json:"admitted"`
	// Missed is how many places nobody claimed in time.
	Missed int64 `json:"missed"`
	// Phase is open, before or after: whether the room takes visitors.
	Phase string `json:"phase"`
	// Now is the store's time.
	Now time.Time `json:"now"`
	// Healthy is false while the store doesn't answer; the counters are then
	// the last that are known.
	Healthy bool `json:"healthy"`
}

// list is the answer with all rooms.
type list struct {
	Rooms []Room `json:"rooms"`
}

const roomsPath = "/admin/api/rooms"

// Rooms serves GET /admin/api/rooms and GET /admin/api/rooms/{room}, as far as
// the token of the request is good for the rooms: the list leaves the others out,
// and asking for one of them is answered 403, whether it exists or not. [Auth]
// belongs in front; without it, no room is shown.
func Rooms(engine *waitingroom.Engine) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			fail(w, http.StatusMethodNotAllowed, "method not allowed")
			return
		}
		access := AccessOf(r.Context())
		if r.URL.Path == roomsPath {
			all := list{Rooms: []Room{}}
			for _, room := range engine.Rooms() {
				if access.May(Viewer, room.Config().ID) {
					all.Rooms = append(all.Rooms, describe(room))
				}
			}
			answer(w, http.StatusOK, all)
			return
		}
		id, ok := strings.CutPrefix(r.URL.Path, roomsPath+"/")
		if !ok {
			fail(w, http.StatusNotFound, "not found")
			return
		}
		if !access.May(Viewer, id) {
			forbid(w)
			return
		}
		room, err := engine.Room(id)
		if err != nil {
			fail(w, http.StatusNotFound, err.Error())
			return
		}
		answer(w, http.StatusOK, describe(room))
	})
}

// describe says how a room stands by its latest counters.
func describe(room *waitingroom.Room) Room {
	config, c := room.Config(), room.Counters()
	return Room{
		ID: config.ID, Name: config.Name, Inlet: string(config.Inlet.Kind),
		Generation: c.Generation, Dealt: c.Dealt, Serving: c.Serving, Frontier: c.Frontier(),
		Waiting: c.Waiting(), Unclaimed: c.Unclaimed,
		Alive: c.Alive, Admitted: c.Admitted, Missed: c.Missed,
		Phase: phase(room.Phase()), Now: room.Now().UTC().Round(0), Healthy: room.Healthy() == nil,
	}
}

func phase(p waitingroom.Phase) string {
	switch p {
	case waitingroom.PhaseBefore:
		return "before"
	case waitingroom.PhaseAfter:
		return "after"
	default:
		return "open"
	}
}
