package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/anteroom-dev/anteroom/internal/admin"
)

func keysListCommand() command {
	return command{
		name:    "keys list",
		summary: "List the signing keys of a running server",
		help:    connectionHelp,
		define: func(p *program, flags *flag.FlagSet) action {
			server := connectionFlags("keys list", p, flags)
			return func(ctx context.Context, _ []string) error {
				client, err := server.client()
				if err != nil {
					return err
				}
				list, err := client.Keys(ctx)
				if err != nil {
					return err
				}
				return printKeys(p.stdout, list)
			}
		},
	}
}

func keysRotateCommand() command {
	return command{
		name:    "keys rotate",
		summary: "Make new signing keys",
		help: `A new key is published at once and signs an hour later, when relying parties have
seen it. What the old one signed stays valid, and its public half stays
published for 30 days. If a next key is there already, nothing more is made.

With --now the new key signs at once. Relying parties that keep the old key set
and don't look again may refuse logins for as long as they keep it.

--revoke is for a key that may have been stolen: the new one signs at once, and
older keys are forgotten, so that nothing which they signed is accepted any
more. Visitors keep their places, and sites their access and refresh tokens, but
for access tokens in the form of a JWT.

` + connectionHelp,
		define: func(p *program, flags *flag.FlagSet) action {
			server := connectionFlags("keys rotate", p, flags)
			order := admin.KeyRotation{}
			flags.StringVar(&order.Purpose, "purpose", "oidc", "what the keys are for: `PURPOSE`")
			flags.BoolVar(&order.Now, "now", false, "let the new keys sign at once")
			flags.BoolVar(&order.Revoke, "revoke", false, "forget the old keys, which may have been stolen")
			return func(ctx context.Context, _ []string) error {
				client, err := server.client()
				if err != nil {
					return err
				}
				list, err := client.RotateKeys(ctx, order)
				if err != nil {
					return err
				}
				if err := printKeys(p.stdout, list); err != nil {
					return err
				}
				return explainKeys(p.stdout, order, list)
			}
		},
	}
}

// printKeys lists keys.
func printKeys(w io.Writer, list []admin.Key) error {
	out := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(out, "PURPOSE\tALG\tSTATE\tSIGNS FROM\tRETIRED\tDROPPED\tKID")
	for _, key := range list {
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", key.Purpose, key.Alg, key.State,
			moment(key.SignsFrom), moment(key.RetiredAt), moment(key.DroppedAt), key.ID)
	}
	return out.Flush()
}

// explainKeys says what happens when after a rotation.
func explainKeys(w io.Writer, order admin.KeyRotation, list []admin.Key) error {
	out := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	for _, key := range list {
		if key.Purpose != order.Purpose {
			continue
		}
		switch key.State {
		case "next":
			fmt.Fprintf(out, "%s key %s is published now and signs from %s.\n", key.Alg, key.ID, moment(key.SignsFrom))
		case "active":
			fmt.Fprintf(out, "%s key %s signs now.\n", key.Alg, key.ID)
		case "retired":
			fmt.Fprintf(out, "%s key %s has ended; what it signed can be verified until %s.\n", key.Alg, key.ID, moment(key.DroppedAt))
		}
	}
	if order.Revoke {
		fmt.Fprintln(out, "All older keys are forgotten. Other nodes follow within a minute, relying parties when they fetch the key set anew.")
	} else if order.Now {
		fmt.Fprintln(out, "Other nodes follow within a minute; relying parties may refuse logins until they fetch the key set anew.")
	}
	return out.Flush()
}

// moment writes a time, or a dash for none.
func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}
