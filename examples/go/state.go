package main

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	_ "embed"
)

const disowned = "record.disowned.v1"

//go:embed identity.json
var identityFile []byte

// Record is one event that was read.
type Record struct {
	Revision int64           `json:"revision"`
	Value    json.RawMessage `json:"value"`
}

// State is what a subscriber keeps of Hadir's events, in whatever order and however often they come. No Kafka in here.
//
// The law: of the records about one thing, the one with the greatest (revision, ce_id) is in force; an event that is
// disowned counts as never sent; a record without a value erases all that is known of its key. identity.json says which
// fields name the thing a topic speaks of, where that is not the record's key alone.
//
// It is all in one JSON file, written whole before offsets are committed. A real subscriber has tables instead: with
// (topic, identity, ce_id) as the primary key this is an insert, and what is in force is a view.
type State struct {
	// The group is made with the file and kept in it: who deletes the file reads from the beginning again.
	Group string `json:"group"`
	// Records is topic -> identity -> ce_id -> record; null in place of the last map: erased.
	Records map[string]map[string]map[string]Record `json:"records"`

	path     string
	identity map[string][]string
}

// Open reads the file, or begins one. `user` begins the group's name: access lists give a user the groups
// `<user>.<anything>`.
func Open(path, user string) (*State, error) {
	state := &State{Records: map[string]map[string]map[string]Record{}, path: path}
	if err := json.Unmarshal(identityFile, &state.identity); err != nil {
		return nil, err
	}
	kept, err := os.ReadFile(path)
	if err == nil {
		return state, json.Unmarshal(kept, state)
	}
	random := make([]byte, 4)
	rand.Read(random)
	state.Group = user + "." + hex.EncodeToString(random)
	return state, nil
}

// Take takes one record in, and prints what is in force where that has changed.
func (state *State) Take(topic, key string, value []byte, headers map[string]string) {
	id := headers["ce_id"]
	if headers["ce_specversion"] != "1.0" || headers["ce_type"] != topic || id == "" {
		passOver(topic, key, "of a type or version that this program does not know")
		return
	}
	known := state.Records[topic]
	if known == nil {
		known = map[string]map[string]Record{}
		state.Records[topic] = known
	}
	if value == nil {
		if known[key] != nil {
			fmt.Println(topic, key, "erased")
		}
		known[key] = nil
		return
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(value, &fields); err != nil || fields == nil {
		passOver(topic, key, fmt.Sprint("not what the contract says: ", err))
		return
	}
	identity := key
	if names := state.identity[topic]; names != nil {
		var parts []string
		for _, name := range names {
			if fields[name] == nil {
				passOver(topic, key, "not what the contract says: no "+name)
				return
			}
			parts = append(parts, text(fields[name]))
		}
		identity = strings.Join(parts, "/")
	}
	held, seen := known[identity]
	if seen && held == nil {
		return // an erasure ranks above every revision
	}
	if held == nil {
		held = map[string]Record{}
		known[identity] = held
	}
	touched := [][2]string{{topic, identity}}
	if topic == disowned {
		of := text(fields["topic"])
		for name, others := range state.Records[of] {
			if _, found := others[text(fields["ce_id"])]; found {
				touched = append(touched, [2]string{of, name})
			}
		}
	}
	var before []json.RawMessage
	for _, one := range touched {
		before = append(before, state.InForce(one[0], one[1]))
	}
	record := Record{Value: value}
	json.Unmarshal(fields["revision"], &record.Revision) // a topic without revisions: 0
	held[id] = record
	for place, one := range touched {
		now := state.InForce(one[0], one[1])
		if now == nil {
			now = json.RawMessage("none")
		}
		if before[place] == nil || !bytes.Equal(now, before[place]) {
			fmt.Println(one[0], one[1], string(now))
		}
	}
}

// InForce is the value that holds for one thing, or nil.
func (state *State) InForce(topic, identity string) json.RawMessage {
	var best Record
	var bestID string
	for id, record := range state.Records[topic][identity] {
		newer := record.Revision > best.Revision || record.Revision == best.Revision && id > bestID
		if (bestID == "" || newer) && !state.disowned(topic, id) {
			best, bestID = record, id
		}
	}
	return best.Value
}

// Save writes the file whole.
func (state *State) Save() error {
	text, err := json.Marshal(state)
	if err != nil {
		return err
	}
	if err := os.WriteFile(state.path+".part", text, 0o600); err != nil {
		return err
	}
	return os.Rename(state.path+".part", state.path)
}

func (state *State) disowned(topic, id string) bool {
	if topic == disowned {
		return false
	}
	var said struct {
		Topic   string `json:"topic"`
		Revoked bool   `json:"revoked"`
	}
	value := state.InForce(disowned, id)
	return value != nil && json.Unmarshal(value, &said) == nil && said.Topic == topic && !said.Revoked
}

func text(raw json.RawMessage) string {
	var read string
	if json.Unmarshal(raw, &read) == nil {
		return read
	}
	return string(raw) // a number
}

func passOver(topic, key, why string) {
	fmt.Fprintf(os.Stderr, "passed over a record of %s, key %s: %s\n", topic, key, why)
}
