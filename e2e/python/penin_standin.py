#!/usr/bin/env python3
"""Stands in for a Python PENIN node in tests: its UDP beacons and its state file, with all of its habits.

Written from what such a node is seen to do. It needs Python 3.8 and nothing else; of the standard library only what
Debian's python3-minimal has, but for --state, which needs the json module.

    penin_standin.py --id NAME [--port 51515] [--interval 10] [--seconds 60] [--state FILE]
                     [--to 255.255.255.255]

--to is the one thing that such a node has no option for: it keeps the beacons of a test on this host.

Prints one JSON object a line:

    {"event": "ready", "id": ..., "port": ...}
    {"event": "loaded", "known_peers": [...]}           with --state, if there is such a file
    {"event": "peer", "id": ..., "address": ..., "port": ..., "timestamp": ...}    the first sighting of an id
    {"event": "warning", "message": ...}                a datagram that is no beacon
    {"event": "error", "message": ...}                  what the real one logs as an error, and goes on
    {"event": "saved", "known_peers": [...]}            with --state, at the end
    {"event": "end", "peers": 2, "sent": 7, "errors": 0}

It ends by itself after --seconds, or at SIGINT or SIGTERM, with code 0.
"""

import collections
import os
import signal
import socket
import sys
import threading
import time

try:
    import json
except ImportError:  # python3-minimal
    json = None

if json is not None and os.environ.get("PENIN_STANDIN_JSON") != "tiny":
    dumps, loads, JSONDecodeError = json.dumps, json.loads, json.JSONDecodeError
else:
    json = None
    import re

    class JSONDecodeError(ValueError):
        """The text is no JSON."""

    def dumps(value):
        """What json.dumps does, for what occurs here."""
        if isinstance(value, bool) or value is None:
            return {True: "true", False: "false", None: "null"}[value]
        if isinstance(value, float) and value != value:
            return "NaN"
        if isinstance(value, (int, float)):
            return repr(value).replace("inf", "Infinity")
        if isinstance(value, str):
            return '"' + re.sub(r'[^ !#-\[\]-~]', lambda m: _escape(ord(m.group())), value) + '"'
        if isinstance(value, dict):
            return "{" + ", ".join(dumps(str(k)) + ": " + dumps(v) for k, v in value.items()) + "}"
        return "[" + ", ".join(dumps(item) for item in value) + "]"

    def _escape(code):
        if code > 0xFFFF:
            code -= 0x10000
            return "\\u%04x\\u%04x" % (0xD800 + (code >> 10), 0xDC00 + (code & 0x3FF))
        return "\\u%04x" % code

    _TOKEN = re.compile(
        r'[ \t\n\r]*(?:([{}\[\],:])|("(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")'
        r"|(-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?)|(true|false|null|NaN|-?Infinity))"
    )
    _WORDS = {"true": True, "false": False, "null": None, "NaN": float("nan")}
    _WORDS.update({"Infinity": float("inf"), "-Infinity": float("-inf")})
    _SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}

    def loads(text):
        """What json.loads does."""
        if text.startswith("\ufeff"):
            raise JSONDecodeError("Unexpected UTF-8 BOM")
        value, at = _value(text, 0)
        if text[at:].strip(" \t\n\r"):
            raise JSONDecodeError("Extra data")
        return value

    def _next(text, at):
        match = _TOKEN.match(text, at)
        if match is None:
            raise JSONDecodeError("Expecting value: char %d" % at)
        return match, match.end()

    def _value(text, at):
        token, at = _next(text, at)
        mark, string, number, fraction, exponent, word = token.groups()
        if string is not None:
            return _unescape(string[1:-1]), at
        if number is not None:
            return (float if fraction or exponent else int)(number), at
        if word is not None:
            return _WORDS[word], at
        if mark not in ("{", "["):
            raise JSONDecodeError("Expecting value: char %d" % at)
        return _items(text, at, {} if mark == "{" else [])

    def _items(text, at, into):
        close = "}" if isinstance(into, dict) else "]"
        token, after = _next(text, at)
        if token.group(1) == close:
            return into, after
        while True:
            key = None
            if close == "}":
                token, at = _next(text, at)
                key = token.group(2)
                token, at = _next(text, at)
                if key is None or token.group(1) != ":":
                    raise JSONDecodeError("Expecting property name: char %d" % at)
            value, at = _value(text, at)
            if key is None:
                into.append(value)
            else:
                into[_unescape(key[1:-1])] = value
            token, at = _next(text, at)
            if token.group(1) == close:
                return into, at
            if token.group(1) != ",":
                raise JSONDecodeError("Expecting ',' delimiter: char %d" % at)

    def _unescape(text):
        def unit(match):
            code = match.group(1)
            return chr(int(code[1:], 16)) if code[0] == "u" else _SHORT.get(code, code)

        text = re.sub(r"\\(u[0-9a-fA-F]{4}|.)", unit, text)
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


class Node:
    """One node: two threads for the beacons, and the peers that it knows."""

    def __init__(self, node_id, port, interval, destination):
        self.node_id = node_id
        self.port = port
        self.interval = interval
        self.destination = destination
        self.is_running = True
        self.discovered = set()
        self.known_peers = set()
        self.sent = 0
        self.errors = 0
        self._print_lock = threading.Lock()
        self._threads = [
            threading.Thread(target=run, name="%s-%s" % (run.__name__, node_id), daemon=True)
            for run in (self._broadcast, self._listen)
        ]

    def say(self, event, **fields):
        """One line of output; a number that JSON lacks is printed as a text."""
        if event == "error":
            self.errors += 1
        fields = {key: str(v) if isinstance(v, float) and v - v != 0 else v for key, v in fields.items()}
        with self._print_lock:
            print(dumps({"event": event, **fields}), flush=True)

    def start(self):
        for thread in self._threads:
            thread.start()

    def stop(self):
        self.is_running = False
        for thread in self._threads:
            thread.join(2.0)

    def _broadcast(self):
        while self.is_running:
            try:
                self._send_beacon()
                self.sent += 1
            except OSError as error:
                # For instance ENETUNREACH where there is no route for 255.255.255.255: it goes on listening.
                self.say("error", message="broadcast failed: %s" % error)
            for _ in range(self.interval * 10):
                if not self.is_running:
                    return
                time.sleep(0.1)

    def _send_beacon(self):
        """A new socket each time, so that the source port says nothing; limited broadcast and nothing else."""
        beacon = dumps({"id": self.node_id, "port": self.port, "timestamp": time.time()})
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sender.sendto(beacon.encode("utf-8"), (self.destination, self.port))

    def _listen(self):
        try:
            listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("0.0.0.0", self.port))
        except OSError as error:
            self.say("error", message="listener ended: %s" % error)  # and the node believes that it runs
            return
        listener.settimeout(1.0)
        self.say("ready", id=self.node_id, port=self.port)
        with listener:
            while self.is_running:
                try:
                    datagram, source = listener.recvfrom(1024)  # the rest of a longer one is lost
                except socket.timeout:
                    continue
                except OSError as error:
                    self.say("error", message="receiving failed: %s" % error)
                    continue
                try:
                    self._handle(datagram, source[0])
                except Exception as error:  # whatever a datagram causes is logged, and that is all
                    self.say("error", message="%s: %s" % (type(error).__name__, error))

    def _handle(self, datagram, address):
        try:
            message = loads(datagram.decode("utf-8"))
        except JSONDecodeError as error:
            self.say("warning", message="Invalid JSON: %s" % error)
            return
        if not isinstance(message, dict) or "id" not in message:
            self.say("warning", message="Invalid discovery message")
            return
        peer_id = message["id"]
        if peer_id == self.node_id or peer_id in self.discovered:  # an id that can't be hashed is an error
            return
        self.discovered.add(peer_id)
        port = message.get("port", self.port)
        timestamp = message.get("timestamp", time.time())
        self.known_peers.add("%s:%s" % (address, port))
        self.say("peer", id=peer_id, address=address, port=port, timestamp=timestamp)


class NumericVectorArtifact:
    """A vector of numbers with a note to it."""

    def __init__(self, vector, metadata):
        self.vector = vector
        self.metadata = metadata


class State:
    """The orchestrator's state: it keeps four keys, and drops all others when it saves."""

    def __init__(self):
        self.knowledge_base = {}
        self.task_history = collections.deque(maxlen=1000)
        self.score_history = collections.deque(maxlen=1000)

    def load(self, path):
        """The known peers in the file; None if there is none. What is no JSON is an exception."""
        if not os.path.exists(path):
            return None
        with open(path) as file:
            state = json.load(file, object_hook=_decode)
        self.knowledge_base = state.get("knowledge_base", {})
        self.task_history = state.get("task_history", self.task_history)
        self.score_history = state.get("score_history", self.score_history)
        return set(state.get("known_peers", []))

    def save(self, path, known_peers):
        """In place: it empties the file, then fills it."""
        state = {
            "knowledge_base": self.knowledge_base,
            "task_history": self.task_history,
            "score_history": self.score_history,
            "known_peers": list(known_peers),
        }
        with open(path, "w") as file:
            json.dump(state, file, default=_encode, indent=2)


def _encode(value):
    if isinstance(value, collections.deque):
        return {"__type__": "deque", "items": list(value), "maxlen": value.maxlen}
    if isinstance(value, NumericVectorArtifact):
        return {"__type__": "NumericVectorArtifact", "vector": value.vector, "metadata": value.metadata}
    raise TypeError("%s is not JSON serializable" % type(value).__name__)


def _decode(value):
    kind = value.get("__type__")
    if kind == "deque":
        return collections.deque(value["items"], maxlen=value["maxlen"])
    if kind == "NumericVectorArtifact":
        return NumericVectorArtifact(value["vector"], value["metadata"])
    return value


def read_arguments(words):
    options = {"--id": None, "--port": "51515", "--interval": "10", "--seconds": "60", "--state": None}
    options["--to"] = "255.255.255.255"
    while words:
        name = words.pop(0)
        if name not in options or not words:
            sys.exit("usage: penin_standin.py --id NAME [--port N] [--interval S] [--seconds S] [--state FILE] [--to IP]")
        options[name] = words.pop(0)
    if options["--id"] is None:
        sys.exit("penin_standin.py: --id is missing")
    if options["--state"] is not None and json is None:
        sys.exit("penin_standin.py: --state needs the json module, which python3-minimal lacks; install python3")
    return options


def main():
    options = read_arguments(sys.argv[1:])
    node = Node(options["--id"], int(options["--port"]), int(options["--interval"]), options["--to"])
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    state, path = State(), options["--state"]
    if path is not None:
        known_peers = state.load(path)
        if known_peers is not None:
            node.known_peers = known_peers
            node.say("loaded", known_peers=sorted(known_peers))
    node.start()
    ended.wait(float(options["--seconds"]))
    node.stop()
    if path is not None:
        state.save(path, node.known_peers)
        node.say("saved", known_peers=sorted(node.known_peers))
    node.say("end", peers=len(node.discovered), sent=node.sent, errors=node.errors)


if __name__ == "__main__":
    main()
