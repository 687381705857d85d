package templates

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// catalog is every sentence of the pages in one language. Words in braces are
// filled in. A translation is another function like [english].
type catalog struct {
	Lang, Dir   string
	Separator   string // between groups of three digits
	TitleOfRoom string // title of a document that belongs to a room
	Opens       string // introduces the time at which a line opens
	Reference   string // introduces a reference code
	StartAgain  string
	Every       plural // a page that refreshes itself every {n} seconds

	Waiting waitingWords

	Kept    string // begins the page of a turn that was kept for {time}
	Seconds plural
	Minutes plural
	Hours   plural

	Expired, Spent, Ended, Broken notice
	Closed, NotYetOpen            notice
	NoCookies, OtherBrowser       notice
	Confirm, Requeue              notice
	ContinueHere                  notice
	StartAfresh                   notice
	Onward, FormPost              notice
	Logout, LoggedOut             notice
	OneMoment, TooMany            notice
}

// notice is the text of a page that says one thing and offers one action.
type notice struct {
	Title      string
	Paragraphs []string
	Action     string // on the button or link
}

// plural is a phrase with a number {n} in it, or beside it.
type plural struct {
	One   string `json:"one"`
	Other string `json:"other"`
}

// of returns the form of the phrase for n.
func (p plural) of(n int64) string {
	if n == 1 {
		return p.One
	}
	return p.Other
}

// waitingWords are the sentences of the waiting page. The script gets them as
// JSON and puts them together as this file does.
type waitingWords struct {
	Separator  string `json:"separator"`
	InLine     string `json:"inLine"`
	Paused     string `json:"paused"`
	PausedNote string `json:"pausedNote"`
	Turn       string `json:"turn"`
	TurnNote   string `json:"turnNote"`
	Enter      string `json:"-"`

	Ahead      plural `json:"ahead"`      // beneath the number
	AheadSaid  plural `json:"aheadSaid"`  // read out at thresholds
	TitleAhead plural `json:"titleAhead"` // in the title of the document
	TitleRoom  string `json:"titleRoom"`
	Next       string `json:"next"` // nobody is ahead

	Unknown  string    `json:"unknown"` // no estimate
	Moment   string    `json:"moment"`  // less than a minute
	Minutes  timeWords `json:"minutes"`
	Hours    timeWords `json:"hours"`
	Days     timeWords `json:"days"`
	Lost     string    `json:"lost"`
	Busy     string    `json:"busy"`
	Back     string    `json:"back"`
	Position string    `json:"-"`
	Serving  string    `json:"-"`
	Wait     string    `json:"-"`
	Updated  string    `json:"-"`
	Progress string    `json:"-"`
	Kept     string    `json:"-"`
	Check    string    `json:"-"`
}

// timeWords say a range of time in one unit.
type timeWords struct {
	UpTo  plural `json:"upTo"`  // up to {n}
	About plural `json:"about"` // about {n}
	Range string `json:"range"` // about {low} to {high}; high is above one
}

// english is the English catalog.
func english() catalog {
	const separator = ","
	const titleOfRoom = "{title} – {room}"
	return catalog{
		Lang: "en", Dir: "ltr",
		Separator:   separator,
		TitleOfRoom: titleOfRoom,
		Opens:       "It opens on",
		Reference:   "Reference:",
		StartAgain:  "Start again at the site",
		Every: plural{
			"This page refreshes itself every second.",
			"This page refreshes itself every {n} seconds.",
		},
		Waiting: englishWaiting(separator, titleOfRoom),
		Kept:    "Your turn came and was kept for you for {time}. It was not taken up in that time, so it has passed.",
		Seconds: plural{"{n} second", "{n} seconds"},
		Minutes: plural{"{n} minute", "{n} minutes"},
		Hours:   plural{"{n} hour", "{n} hours"},
		Expired: notice{
			"Your turn has passed",
			[]string{
				"Your place came up, but it was not taken up in time, so it is no longer kept for you.",
				"You can join the line again. You will get a new place at the end.",
			},
			"Join the line again",
		},
		Spent: notice{
			"Your visit has ended",
			[]string{
				"Your place in the line was used for a visit that is over now.",
				"To come in again, join the line once more.",
			},
			"Join the line again",
		},
		Ended: notice{
			"This line has ended",
			[]string{
				"The line that you stood in was closed and started afresh, so your earlier place is no longer valid.",
				"You can join the new line.",
			},
			"Join the line",
		},
		Broken: notice{
			"We cannot read your place",
			[]string{
				"The place that this browser holds is damaged, or it was not given out by this line.",
				"You can join the line with a new place at the end.",
			},
			"Join the line",
		},
		NotYetOpen: notice{
			"The line is not open yet",
			[]string{"You can leave this page open. It will take you into the line when it opens."},
			"",
		},
		Closed: notice{
			"The line is closed",
			[]string{"Nobody is being let in any more. Thank you for your interest."},
			"",
		},
		NoCookies: notice{
			"Your browser does not keep cookies",
			[]string{
				"Your place in the line is kept in a cookie, and this browser did not send ours back. You have not taken a place yet.",
				"Please allow cookies for this site in the settings of your browser, or leave its private mode, and try again.",
			},
			"Try again",
		},
		OtherBrowser: notice{
			"This link belongs to another browser",
			[]string{
				"It was made for another browser or another device, or the cookies of this one have been deleted since.",
				"Please go back to the browser that you started in, or start again at the site.",
			},
			"Start again at the site",
		},
		Confirm: notice{
			"Please confirm that it is you",
			[]string{"You have been let in already. The site asks you to confirm that you want to continue; you do not have to wait again."},
			"Continue",
		},
		Requeue: notice{
			"The site asks you to line up again",
			[]string{
				"You have been let in already. To continue, the site asks you to join the line once more, at its end.",
				"Your visit ends when you join. If you do not want that, close this page and go back to the site.",
			},
			"End my visit and join the line",
		},
		ContinueHere: notice{
			"You have been let in already",
			[]string{
				"That was in another browser or another tab of yours, or our answer did not reach you.",
				"You can continue here. If the visit is going on elsewhere, it will then end there.",
			},
			"Continue here",
		},
		StartAfresh: notice{
			"Your turn has come",
			[]string{
				"You waited longer than the site keeps a login, so it has to begin again.",
				"Your turn is kept for you for now. Go on to the site; you will not have to wait again.",
			},
			"Go on to the site",
		},
		Onward: notice{
			"One moment",
			[]string{"You are being taken on."},
			"Continue",
		},
		FormPost: notice{
			"One moment",
			[]string{"You are being taken to the site."},
			"Continue to the site",
		},
		Logout: notice{
			"Leave the site?",
			[]string{"Your visit will end and your place will go to somebody else. To come in again, you may have to wait in line."},
			"Leave the site",
		},
		LoggedOut: notice{
			"You have left the site",
			[]string{"Your visit has ended. You can close this page."},
			"Back to the site",
		},
		OneMoment: notice{
			"One moment, please",
			[]string{
				"We cannot reach the line right now. If you have a place in it, you keep it.",
				"This page tries again by itself.",
			},
			"Try again now",
		},
		TooMany: notice{
			"Too many people are joining from your network",
			[]string{
				"To keep the line fair, only so many people can join from one network at the same time.",
				"This page tries again by itself.",
			},
			"",
		},
	}
}

// englishWaiting is the part of the English catalog that the script gets too.
func englishWaiting(separator, titleOfRoom string) waitingWords {
	return waitingWords{
		Separator:  separator,
		InLine:     "You are in line",
		Paused:     "The line is paused",
		PausedNote: "Nobody is being let in at the moment. You keep your place.",
		Turn:       "It is your turn",
		TurnNote:   "You will be taken in automatically in a moment.",
		Enter:      "Enter now",
		Ahead:      plural{"person ahead of you", "people ahead of you"},
		AheadSaid:  plural{"{n} person ahead of you.", "{n} people ahead of you."},
		TitleAhead: plural{"{n} ahead", "{n} ahead"},
		TitleRoom:  titleOfRoom,
		Next:       "You are next",
		Unknown:    "we cannot say yet",
		Moment:     "less than a minute",
		Minutes: timeWords{
			plural{"up to {n} minute", "up to {n} minutes"},
			plural{"about {n} minute", "about {n} minutes"},
			"about {low} to {high} minutes",
		},
		Hours: timeWords{
			plural{"up to {n} hour", "up to {n} hours"},
			plural{"about {n} hour", "about {n} hours"},
			"about {low} to {high} hours",
		},
		Days: timeWords{
			plural{"up to {n} day", "up to {n} days"},
			plural{"about {n} day", "about {n} days"},
			"about {low} to {high} days",
		},
		Lost:     "Connection lost. Your place is kept. Trying again…",
		Busy:     "The line is very busy. Your place is kept. Trying again…",
		Back:     "The connection is back. Your place was kept.",
		Position: "Your place in line",
		Serving:  "Now serving",
		Wait:     "Estimated wait",
		Updated:  "Last updated",
		Progress: "Progress of the line towards your place",
		Kept:     "You can reload or close this page; your place is kept in this browser.",
		Check:    "Check my place now",
	}
}

// fill replaces each {name} in pattern by its value; pairs are name, value, ….
func fill(pattern string, pairs ...string) string {
	for i := 0; i+1 < len(pairs); i += 2 {
		pairs[i] = "{" + pairs[i] + "}"
	}
	return strings.NewReplacer(pairs...).Replace(pattern)
}

// number writes n with its digits in groups of three.
func (c catalog) number(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + c.Separator + digits[i:]
	}
	return digits
}

// every says that a page refreshes itself every d.
func (c catalog) every(d time.Duration) string {
	n := seconds(d)
	return fill(c.Every.of(n), "n", c.number(n))
}

// expired returns the notice of a turn that was kept for d, or for a time that isn't
// known.
func (c catalog) expired(d time.Duration) notice {
	n := c.Expired
	if d > 0 {
		n.Paragraphs = slices.Clone(n.Paragraphs)
		n.Paragraphs[0] = fill(c.Kept, "time", c.span(d))
	}
	return n
}

// span writes a length of time in the largest unit of which it is a whole number.
func (c catalog) span(d time.Duration) string {
	unit, words := time.Second, c.Seconds
	switch {
	case d%time.Hour == 0:
		unit, words = time.Hour, c.Hours
	case d%time.Minute == 0:
		unit, words = time.Minute, c.Minutes
	}
	n := int64(d / unit)
	return fill(words.of(n), "n", c.number(n))
}

// dateTime writes t in full, in UTC.
func (c catalog) dateTime(t time.Time) string {
	return t.UTC().Format("Monday 2 January 2006 at 15:04 UTC")
}

// estimate says how long the wait will be: in minutes up to an hour and a
// half, in hours up to two days, then in days. The lower bound is rounded
// down and the upper one up, so that the range said holds the range given.
func (w waitingWords) estimate(e *Estimate, number func(int64) string) string {
	if e == nil {
		return w.Unknown
	}
	unit, words := time.Minute, w.Minutes
	switch {
	case e.High < time.Minute:
		return w.Moment
	case e.High >= 48*time.Hour:
		unit, words = 24*time.Hour, w.Days
	case e.High >= 90*time.Minute:
		unit, words = time.Hour, w.Hours
	}
	low, high := int64(max(e.Low, 0)/unit), int64((e.High+unit-1)/unit)
	switch {
	case low == 0:
		return fill(words.UpTo.of(high), "n", number(high))
	case low >= high:
		return fill(words.About.of(high), "n", number(high))
	default:
		return fill(words.Range, "low", number(low), "high", number(high))
	}
}
