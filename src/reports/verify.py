#!/usr/bin/env python3
"""Checks the hash chain of an export: python3 verify.py [events.json [SEQ:HASH ...]]. Python 3, standard library only.
SEQ:HASH is a head that was kept elsewhere, such as the channel's "Audit trail up to event SEQ, head HASH"."""
import hashlib, json, sys
FIELDS = ["seq", "at", "actor", "action", "policy", "sweep", "request", "subject", "detail"]
def unique(pairs):
    if len(dict(pairs)) < len(pairs):
        sys.exit("not an export of this program: a name occurs twice in one object")
    return dict(pairs)
with open(sys.argv[1] if len(sys.argv) > 1 else "events.json", encoding="utf-8") as file:
    document = json.load(file, object_pairs_hook=unique)
events, head, broken, gaps, before, vouched = document["events"], document["head"], [], 0, None, 0
kept = {int(seq): value for seq, value in (anchor.split(":", 1) for anchor in sys.argv[2:])}
for number, event in enumerate(events):
    body = json.dumps([event[name] for name in FIELDS], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    if hashlib.sha256((event["prev_hash"] + "\n" + body).encode("utf-8")).hexdigest() != event["hash"]:
        broken.append(f"event {event['seq']} was changed: its hash differs")
    if set(event) != {*FIELDS, "prev_hash", "hash"}:
        broken.append(f"event {event['seq']} has fields that no hash covers")
    follows = (before["seq"] + 1, before["hash"]) if before else (1, "0" * 64)
    if event["seq"] == follows[0] and event["prev_hash"] != follows[1]:
        broken.append(f"event {event['seq']} does not follow the one before it")
    if event["seq"] < follows[0] or event["seq"] > head["seq"]:
        broken.append(f"event {event['seq']} is out of place")
    gaps, before = gaps + bool(before and event["seq"] > follows[0]), event
    anchor = kept.pop(event["seq"], None)
    if anchor is not None and not (len(anchor) >= 16 and event["hash"].startswith(anchor)):
        broken.append(f"event {event['seq']} is not the one whose head was kept")
    vouched = number + 1 if anchor is not None else vouched
if document["gapless"] and gaps or len(events) != document["count"]:
    broken.append("events are missing")
if before and before["seq"] == head["seq"] and before["hash"] != head["hash"]:
    broken.append("the last event is not the head of the chain")
broken += [f"event {seq}, whose head was kept, is not in this file" for seq in kept]
print(*broken or [f"OK: {len(events)} events verify, {gaps} gaps; head {head['seq']} is {head['hash']}"], sep="\n")
if not broken and (vouched < len(events) or gaps):
    print("A file that was rewritten as a whole also passes. Heads that were kept elsewhere rule that out:",
          "each proves the events up to it, as far back as there is no gap.",
          f"Heads given: {len(sys.argv[2:])}. Events after the last of them: {len(events) - vouched} of {len(events)}.")
sys.exit(bool(broken))
