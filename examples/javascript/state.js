// What a subscriber keeps of Hadir's events, in whatever order and however often they come. No Kafka in here.
//
// The law: of the records about one thing, the one with the greatest (revision, ce_id) is in force; an event that is
// disowned counts as never sent; a record without a value erases all that is known of its key. identity.json says which
// fields name the thing a topic speaks of, where that is not the record's key alone.
//
// It is all in one JSON file, written whole before offsets are committed. A real subscriber has tables instead: with
// (topic, identity, ce_id) as the primary key this is an insert, and what is in force is a view.

import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'

const DISOWNED = 'record.disowned.v1'
const IDENTITY = JSON.parse(readFileSync(new URL('identity.json', import.meta.url), 'utf8'))

export class State {
  // `user` begins the group's name: access lists give a user the groups `<user>.<anything>`. The group is made with the
  // file and kept in it: who deletes the file reads from the beginning again.
  constructor(path, user) {
    const kept = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {}
    this.path = path
    this.group = kept.group ?? `${user}.${randomBytes(4).toString('hex')}`
    this.records = kept.records ?? {} // topic -> identity -> ce_id -> {revision, value}; null: erased
  }

  // Takes one record in; key and value are text, no value undefined. Prints what is in force where that has changed.
  take(topic, key, value, headers) {
    const id = headers.get('ce_id')
    if (headers.get('ce_specversion') !== '1.0' || headers.get('ce_type') !== topic || !id) {
      return this.#passOver(topic, key, 'of a type or version that this program does not know')
    }
    const known = (this.records[topic] ??= {})
    if (value === undefined || value === null) {
      if (known[key]) console.log(`${topic} ${key} erased`)
      known[key] = null
      return
    }
    let event
    try {
      event = JSON.parse(value)
    } catch (error) {
      return this.#passOver(topic, key, `not what the contract says: ${error.message}`)
    }
    const named = (IDENTITY[topic] ?? []).map((field) => event[field])
    if (event === null || typeof event !== 'object' || named.includes(undefined)) {
      return this.#passOver(topic, key, 'not what the contract says: a field is missing')
    }
    const identity = named.join('/') || key
    if (known[identity] === null) return // an erasure ranks above every revision
    const touched = [[topic, identity]]
    if (topic === DISOWNED) {
      for (const [name, held] of Object.entries(this.records[event.topic] ?? {})) {
        if (held?.[event.ce_id]) touched.push([event.topic, name])
      }
    }
    const before = touched.map((one) => this.inForce(...one))
    ;(known[identity] ??= {})[id] = { revision: event.revision ?? 0, value: event }
    touched.forEach((one, place) => {
      const now = this.inForce(...one)
      if (JSON.stringify(now) !== JSON.stringify(before[place])) {
        console.log(`${one.join(' ')} ${now ? JSON.stringify(now) : 'none'}`)
      }
    })
  }

  // The value that holds for one thing, or undefined.
  inForce(topic, identity) {
    let best
    for (const [id, { revision, value }] of Object.entries(this.records[topic]?.[identity] ?? {})) {
      if (this.#disowned(topic, id)) continue
      if (!best || revision > best.revision || (revision === best.revision && id > best.id)) best = { revision, id, value }
    }
    return best?.value
  }

  save() {
    writeFileSync(`${this.path}.part`, JSON.stringify({ group: this.group, records: this.records }))
    renameSync(`${this.path}.part`, this.path)
  }

  #disowned(topic, id) {
    const said = topic === DISOWNED ? undefined : this.inForce(DISOWNED, id)
    return said !== undefined && said.topic === topic && !said.revoked
  }

  #passOver(topic, key, why) {
    console.error(`passed over a record of ${topic}, key ${key}: ${why}`)
  }
}
