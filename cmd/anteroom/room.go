package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/anteroom-dev/anteroom/internal/admin"
)

func roomListCommand() command {
	return command{
		name:    "room list",
		summary: "List the rooms of a running server",
		help:    connectionHelp,
		define: func(p *program, flags *flag.FlagSet) action {
			server := connectionFlags("room list", p, flags)
			return func(ctx context.Context, _ []string) error {
				client, err := server.client()
				if err != nil {
					return err
				}
				rooms, err := client.Rooms(ctx)
				if err != nil {
					return err
				}
				out := tabwriter.NewWriter(p.stdout, 0, 0, 3, ' ', 0)
				fmt.Fprintln(out, "ROOM\tINLET\tDEALT\tSERVING\tWAITING\tON SITE\tNAME")
				for _, room := range rooms {
					fmt.Fprintf(out, "%s\t%s\t%d\t%d\t%d\t%d\t%s\n",
						room.ID, room.Inlet, room.Dealt, room.Serving, room.Waiting, room.Alive, room.Name)
				}
				if err := out.Flush(); err != nil {
					return err
				}
				for _, room := range rooms {
					if !room.Healthy {
						fmt.Fprintf(p.stderr, "%s: the store doesn't answer; these are the last numbers that are known\n", room.ID)
					}
				}
				return nil
			}
		},
	}
}

func roomShowCommand() command {
	return command{
		name:    "room show",
		args:    []string{"ROOM"},
		summary: "Show how a room stands",
		help:    connectionHelp,
		define: func(p *program, flags *flag.FlagSet) action {
			server := connectionFlags("room show", p, flags)
			return func(ctx context.Context, args []string) error {
				client, err := server.client()
				if err != nil {
					return err
				}
				room, err := client.Room(ctx, args[0])
				if err != nil {
					return err
				}
				return show(p.stdout, room)
			}
		},
	}
}

// show prints one room, a line for each fact.
func show(w io.Writer, room admin.Room) error {
	out := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	for _, fact := range []struct {
		name  string
		value any
	}{
		{"room", room.ID},
		{"name", room.Name},
		{"inlet", room.Inlet},
		{"phase", room.Phase},
		{"dealt", room.Dealt},
		{"serving", room.Serving},
		{"waiting", room.Waiting},
		{"unclaimed", room.Unclaimed},
		{"on the site", room.Alive},
		{"ever admitted", room.Admitted},
		{"missed", room.Missed},
		{"generation", room.Generation},
		{"store answers", room.Healthy},
	} {
		fmt.Fprintf(out, "%s\t%v\n", fact.name, fact.value)
	}
	return out.Flush()
}

func roomServeCommand() command {
	return command{
		name:    "room serve",
		args:    []string{"ROOM", "N"},
		summary: "Let N more visitors of a room in",
		help: `A negative N takes the counter back: whoever is above it and has not yet entered
waits again. Who is in stays in.

` + connectionHelp,
		define: func(p *program, flags *flag.FlagSet) action {
			server := connectionFlags("room serve", p, flags)
			return func(ctx context.Context, args []string) error {
				n, err := strconv.ParseInt(args[1], 10, 64)
				if err != nil {
					return usage("room serve", fmt.Sprintf("N must be a number, not %q", args[1]))
				}
				client, err := server.client()
				if err != nil {
					return err
				}
				serving, err := client.Serve(ctx, args[0], n)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(p.stdout, "%s: serving %d\n", args[0], serving)
				return err
			}
		},
	}
}

// maxAnswer is how much of an answer is read, in bytes.
const maxAnswer = 1024

// errNotConfirmed says that the operator thought better of it.
var errNotConfirmed = errors.New("not reset, as the answer was not the room's id")

func roomResetCommand() command {
	return command{
		name:    "room reset",
		args:    []string{"ROOM"},
		summary: "End a room's line and all its visits, and begin anew at position 1",
		help: `Every place is lost, and everybody who is in the site is logged out. It asks for
confirmation unless --yes is given.

` + connectionHelp,
		define: func(p *program, flags *flag.FlagSet) action {
			server := connectionFlags("room reset", p, flags)
			yes := flags.Bool("yes", false, "do not ask")
			return func(ctx context.Context, args []string) error {
				client, err := server.client()
				if err != nil {
					return err
				}
				if !*yes && !p.confirm(args[0]) {
					return errNotConfirmed
				}
				if err := client.Reset(ctx, args[0]); err != nil {
					return err
				}
				_, err = fmt.Fprintf(p.stdout, "%s: reset\n", args[0])
				return err
			}
		},
	}
}

func roomPruneCommand() command {
	return command{
		name:    "room prune",
		summary: "Remove what the store keeps of rooms that the server does not have",
		help: `A room that was taken out of the configuration leaves its line and its visits behind.
A room that another server with the same store runs, or ran less than 15 seconds ago, stays.

` + connectionHelp,
		define: func(p *program, flags *flag.FlagSet) action {
			server := connectionFlags("room prune", p, flags)
			return func(ctx context.Context, _ []string) error {
				client, err := server.client()
				if err != nil {
					return err
				}
				removed, err := client.Prune(ctx)
				if err != nil {
					return err
				}
				if len(removed) == 0 {
					_, err := fmt.Fprintln(p.stdout, "there is nothing to remove")
					return err
				}
				for _, room := range removed {
					if _, err := fmt.Fprintf(p.stdout, "%s: removed\n", room); err != nil {
						return err
					}
				}
				return nil
			}
		},
	}
}

// confirm asks the operator to type the name of what is about to be lost.
func (p *program) confirm(room string) bool {
	fmt.Fprintf(p.stderr, "This ends every place and every visit of the room.\nType its id, %s, to go on: ", room)
	// A last line may lack its line break; no answer at all is a no.
	answer, _ := bufio.NewReader(io.LimitReader(p.stdin, maxAnswer)).ReadString('\n')
	return strings.TrimSpace(answer) == room
}
