// The script of the waiting page. The page is complete without it: a Refresh
// header loads it again every few seconds. Where scripts run, this one stops
// that and asks the server for the state of the place instead, so that the page
// stays still and a screen reader is not sent back to its top.
//
// It is plain ES5 and uses XMLHttpRequest and setTimeout alone, which the oldest
// browsers have. It changes text and the hidden attribute, never markup. What it
// needs to know is in the data attributes of the main element:
//
//   data-state   waiting, paused or served: the state that the page was made for
//   data-page    address of this page, where the visitor enters
//   data-status  address to poll
//   data-poll    milliseconds until the first poll
//   data-enter   milliseconds that the door still holds a served visitor
//   data-room    name of the room
//   data-words   the sentences, as JSON
//
// Timers of a hidden tab may be late by minutes. So whatever has to happen is
// held as a time (due), and events that wake the tab compare it with the clock.
(function (window, document) {
  'use strict';

  var MIN_POLL = 1000;        // never poll faster, whatever the server says
  var MAX_POLL = 600000;      // nor slower
  var TIMEOUT = 10000;        // a poll without an answer has failed
  var MIN_BACKOFF = 2000;     // ceiling of the first back-off
  var MAX_BACKOFF = 60000;    // ceiling of the last one
  var MIN_WAKE = 2000;        // between polls that events cause
  var MIN_READ = 1500;        // "It is your turn" can be read for as long
  var LEAVE_AGAIN = 60000;    // a navigation that led nowhere is tried again
  var MILESTONES = [1000, 500, 100, 50, 10, 5, 1, 0]; // people ahead, read out

  var main, words, pageURL, statusURL;
  var request = null; // the poll under way
  var timer = 0;
  var started = 0;    // when the last poll started
  var due = 0;        // when timer is to fire
  var notBefore = 0;  // the server asked for no poll before then
  var leaveAt = 0;    // when to enter; 0 if it is not our turn
  var pace = 0;       // milliseconds between polls, as the server last said
  var failures = 0;   // polls failed in a row
  var lost = false;   // the visitor was told that the connection is lost
  var state = '';     // as shown
  var said = 0;       // milestones passed

  function now() {
    return new Date().getTime();
  }

  function clamp(n, low, high) {
    return typeof n === 'number' && n > low ? Math.min(n, high) : low;
  }

  function element(id) {
    return document.getElementById(id);
  }

  // setText leaves equal text alone, so that a selection in it survives.
  function setText(id, text) {
    var node = element(id);
    if (node.textContent !== text) {
      node.textContent = text;
    }
  }

  function setShown(id, shown) {
    if (shown) {
      element(id).removeAttribute('hidden');
    } else {
      element(id).setAttribute('hidden', '');
    }
  }

  // setNote shows a line of text, or hides it if the text is empty.
  function setNote(id, text) {
    setText(id, text);
    setShown(id, text !== '');
  }

  // ---- words: these put sentences together as the server does ----

  function number(n) {
    return String(n).replace(/\B(?=(\d{3})+$)/g, words.separator);
  }

  function count(phrase, n) {
    return (n === 1 ? phrase.one : phrase.other).replace('{n}', number(n));
  }

  function estimate(range) {
    if (!range || typeof range[0] !== 'number' || typeof range[1] !== 'number') {
      return words.unknown;
    }
    var unit = 60;
    var phrases = words.minutes;
    if (range[1] < 60) {
      return words.moment;
    }
    if (range[1] >= 172800) {
      unit = 86400;
      phrases = words.days;
    } else if (range[1] >= 5400) {
      unit = 3600;
      phrases = words.hours;
    }
    var low = Math.floor(Math.max(range[0], 0) / unit);
    var high = Math.ceil(range[1] / unit);
    if (low === 0) {
      return count(phrases.upTo, high);
    }
    if (low >= high) {
      return count(phrases.about, high);
    }
    return phrases.range.replace('{low}', number(low)).replace('{high}', number(high));
  }

  function setTitle(text) {
    var room = main.getAttribute('data-room');
    if (room) {
      // A function as replacement: "$&" in a room's name is not a pattern.
      text = words.titleRoom.replace(/\{(title|room)\}/g, function (all, name) {
        return name === 'title' ? text : room;
      });
    }
    if (document.title !== text) {
      document.title = text;
    }
  }

  function announce(texts) {
    if (texts.length > 0) {
      element('live').textContent = texts.join(' ');
    }
  }

  // ---- the page ----

  function setUpdated() {
    var date = new Date();
    setText('updated', date.toLocaleTimeString());
    element('updated').setAttribute('datetime', date.toISOString());
  }

  // setProgress shows the visitor's own way: the bar starts where the line stood
  // when this tab first saw it, and not at the beginning of the line.
  function setProgress(position, ahead) {
    var bar = element('progress');
    var passed = Math.max(position - ahead - 1, 0);
    var from = passed;
    try {
      var key = 'anteroom:' + main.getAttribute('data-room');
      var kept = (window.sessionStorage.getItem(key) || '').split(':');
      if (kept[0] === String(position) && Number(kept[1]) <= passed) {
        from = Number(kept[1]);
      } else {
        window.sessionStorage.setItem(key, position + ':' + from);
      }
    } catch (e) {
      from = 0; // no storage: the way of the whole line
    }
    bar.max = Math.max(position - from, 1);
    bar.value = passed - from;
  }

  function milestone(ahead) {
    var i = 0;
    while (i < MILESTONES.length && ahead <= MILESTONES[i]) {
      i++;
    }
    return i;
  }

  // show brings the page up to date with an answer, and returns what is to be
  // read out.
  function show(answer) {
    var aloud = [];
    if (answer.state !== state) {
      state = answer.state;
      setText('heading', state === 'paused' ? words.paused : words.inLine);
      setNote('note', state === 'paused' ? words.pausedNote : '');
      setShown('enter', false);
      setShown('line', true);
      aloud.push(state === 'paused' ? words.paused + '.' : words.inLine + '.');
    }
    if (typeof answer.ahead === 'number' && typeof answer.position === 'number') {
      setText('ahead', number(answer.ahead));
      setText('people', count(words.ahead, answer.ahead));
      setText('position', number(answer.position));
      setProgress(answer.position, answer.ahead);
      if (milestone(answer.ahead) > said) {
        said = milestone(answer.ahead);
        aloud.push(answer.ahead === 0 ? words.next + '.' : count(words.aheadSaid, answer.ahead));
      }
    }
    if (typeof answer.serving === 'number') {
      setText('serving', number(answer.serving));
    }
    if (state === 'paused') {
      setTitle(words.paused);
    } else if (typeof answer.ahead === 'number') {
      setTitle(answer.ahead === 0 ? words.next : count(words.titleAhead, answer.ahead));
    }
    setText('wait', estimate(answer.eta_seconds));
    setUpdated();
    var message = typeof answer.message === 'string' ? answer.message : '';
    if (message !== '' && message !== element('message').textContent) {
      aloud.push(message);
    }
    setNote('message', message);
    return aloud;
  }

  // turn says that it is the visitor's turn and arranges to enter.
  function turn(holdFor) {
    leaveAt = now() + clamp(holdFor, MIN_READ, MAX_POLL);
    wait(leaveAt - now());
    if (state === 'served') {
      return;
    }
    state = 'served';
    setText('heading', words.turn);
    setNote('note', words.turnNote);
    setTitle(words.turn);
    setShown('line', false);
    setShown('enter', true);
    announce([words.turn + '.', words.turnNote]);
    element('enter').getElementsByTagName('a')[0].focus({ preventScroll: true });
  }

  // leave loads the page from the server, which lets the visitor in or shows
  // what has become of the place.
  function leave() {
    if (window.navigator.onLine === false) {
      // The browser would replace the page by its own error.
      leaveAt = now();
      wait(MIN_WAKE);
      return;
    }
    leaveAt = 0;
    wait(LEAVE_AGAIN);
    window.location.replace(pageURL);
  }

  // ---- polling ----

  function wait(delay) {
    window.clearTimeout(timer);
    due = now() + delay;
    timer = window.setTimeout(leaveAt ? leave : poll, delay);
  }

  // wake is for events after which the visitor looks at the page, or the
  // network is back: what is due, or may be done early, is done now.
  function wake() {
    if (request) {
      if (now() - started > TIMEOUT) {
        request.abort(); // its own timer slept with the tab
      }
      return;
    }
    var soonest = leaveAt || Math.max(started + MIN_WAKE, notBefore);
    if (soonest < due) {
      wait(Math.max(soonest - now(), 0));
    }
  }

  function poll() {
    var xhr = new window.XMLHttpRequest();
    var guard = 0;
    function finish() {
      if (request !== xhr) {
        return;
      }
      request = null;
      window.clearTimeout(guard);
      finished(xhr);
    }
    started = now();
    request = xhr;
    guard = window.setTimeout(function () {
      xhr.abort();
      finish();
    }, TIMEOUT);
    try {
      xhr.onreadystatechange = function () {
        if (xhr.readyState === 4) {
          finish();
        }
      };
      xhr.open('GET', statusURL, true);
      xhr.setRequestHeader('Accept', 'application/json');
      xhr.send(null);
    } catch (e) {
      finish();
    }
  }

  function finished(xhr) {
    var answer = null;
    var status = 0;
    try {
      status = xhr.status;
      answer = JSON.parse(xhr.responseText);
    } catch (e) {
      answer = null; // no answer of ours: a proxy's page, or nothing at all
    }
    if (answer && answer.state && (status === 200 || status === 400 || status === 401)) {
      answered(answer);
    } else {
      failed(status, status ? Number(xhr.getResponseHeader('Retry-After')) : 0);
    }
  }

  function answered(answer) {
    var aloud = lost ? [words.back] : [];
    failures = 0;
    notBefore = 0;
    lost = false;
    setNote('link', '');
    if (answer.state === 'served') {
      turn(answer.enter_after_ms);
    } else if (answer.state === 'waiting' || answer.state === 'paused') {
      leaveAt = 0;
      pace = clamp(answer.poll_after_ms, MIN_POLL, MAX_POLL);
      wait(pace); // first, so that nothing below can end the polling
      announce(aloud.concat(show(answer)));
    } else {
      // closed, expired, spent, unknown, invalid, or newer than this script:
      // the server has a page for it.
      leave();
    }
  }

  // failed waits with full jitter below a ceiling that doubles. It starts from
  // the pace of the line, so that a crowd that lost its server comes back no
  // faster than it polled before.
  function failed(status, retryAfter) {
    var busy = status === 429 || status === 503;
    var base = Math.max(pace, MIN_BACKOFF);
    var ceiling = Math.min(base * Math.pow(2, Math.min(failures, 10)), Math.max(base, MAX_BACKOFF));
    var delay = Math.max(Math.random() * ceiling, MIN_POLL);
    failures++;
    notBefore = 0;
    if (busy && retryAfter > 0) {
      delay += Math.min(retryAfter * 1000, MAX_POLL);
      notBefore = now() + delay;
    }
    wait(delay);
    setNote('link', busy ? words.busy : words.lost);
    if (!busy && !lost) {
      lost = true;
      announce([words.lost]);
    }
  }

  // ---- start ----

  // localTimes shows times of the server in the visitor's zone and manner.
  function localTimes() {
    var times = document.getElementsByTagName('time');
    for (var i = 0; i < times.length; i++) {
      if (times[i].getAttribute('data-local') === 'full') {
        var date = new Date(times[i].getAttribute('datetime'));
        if (!isNaN(date.getTime())) {
          times[i].textContent = date.toLocaleString();
        }
      }
    }
  }

  function begin() {
    if (state === 'served') {
      turn(Number(main.getAttribute('data-enter')));
    } else {
      wait(pace);
    }
    document.addEventListener('visibilitychange', function () {
      if (document.visibilityState === 'visible') {
        wake();
      }
    });
    window.addEventListener('online', wake);
    window.addEventListener('pageshow', wake);
  }

  // loaded ends the page's own Refresh. Browsers obey that header beside a
  // script. window.stop() calls it off, but also whatever is still loading,
  // hence not before the load event; some browsers only arrange the Refresh
  // after that event, hence a second time, before anything of ours is under way.
  function loaded() {
    window.stop();
    window.setTimeout(function () {
      window.stop();
      begin();
    }, 200);
  }

  localTimes();
  main = element('waiting');
  if (!main || !window.XMLHttpRequest || !window.stop || !main.getAttribute('data-status')) {
    return; // the Refresh header does the work
  }
  words = JSON.parse(main.getAttribute('data-words'));
  pageURL = main.getAttribute('data-page');
  statusURL = main.getAttribute('data-status');
  state = main.getAttribute('data-state');
  pace = clamp(Number(main.getAttribute('data-poll')), MIN_POLL, MAX_POLL);
  said = milestone(Number(main.getAttribute('data-ahead')));
  setProgress(Number(main.getAttribute('data-position')), Number(main.getAttribute('data-ahead')));
  setUpdated();
  if (document.readyState === 'complete') {
    loaded();
  } else {
    window.addEventListener('load', loaded);
  }
}(window, document));
