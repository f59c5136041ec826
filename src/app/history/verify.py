#!/usr/bin/env python3
"""Checks the hash chain of an export: python3 verify.py [events.json]. Python 3, standard library only."""
import hashlib, json, sys
FIELDS = ["seq", "at", "actor", "action", "policy", "sweep", "request", "subject", "detail"]
with open(sys.argv[1] if len(sys.argv) > 1 else "events.json", encoding="utf-8") as file:
    document = json.load(file)
events, head, broken, gaps, before = document["events"], document["head"], [], 0, None
for event in events:
    body = json.dumps([event[name] for name in FIELDS], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    if hashlib.sha256((event["prev_hash"] + "\n" + body).encode("utf-8")).hexdigest() != event["hash"]:
        broken.append(f"event {event['seq']} was changed: its hash is another one")
    follows = (before["seq"] + 1, before["hash"]) if before else (1, "0" * 64)
    if event["seq"] == follows[0] and event["prev_hash"] != follows[1]:
        broken.append(f"event {event['seq']} does not follow the one before it")
    if event["seq"] < follows[0] or event["seq"] > head["seq"]:
        broken.append(f"event {event['seq']} is out of place")
    gaps, before = gaps + bool(before and event["seq"] > follows[0]), event
if document["gapless"] and gaps or len(events) != document["count"]:
    broken.append("events are missing")
if before and before["seq"] == head["seq"] and before["hash"] != head["hash"]:
    broken.append("the last event is not the head of the chain")
print(*broken or [f"OK: {len(events)} events hold, {gaps} gaps; head {head['seq']} is {head['hash']}"], sep="\n")
sys.exit(bool(broken))
