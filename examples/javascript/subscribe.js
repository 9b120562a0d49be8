// Reads topics of Hadir with @platformatic/kafka. Settings come from the environment: docs/subscribe.md.

import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { Consumer, stringDeserializers } from '@platformatic/kafka'
import { State } from './state.js'

const { HADIR_KAFKA_BOOTSTRAP, HADIR_KAFKA_USERNAME, HADIR_KAFKA_PASSWORD, HADIR_KAFKA_CA_FILE } = process.env
const topics = (process.env.HADIR_TOPICS || 'coverage.changed.v1,record.disowned.v1').split(',')

const secured = HADIR_KAFKA_USERNAME && {
  sasl: { mechanism: 'SCRAM-SHA-512', username: HADIR_KAFKA_USERNAME, password: HADIR_KAFKA_PASSWORD },
  // Without a file: the authorities that Node trusts.
  tls: HADIR_KAFKA_CA_FILE ? { ca: readFileSync(HADIR_KAFKA_CA_FILE) } : {}
}

const state = new State('state.json', HADIR_KAFKA_USERNAME || 'example')
state.save() // the group's name is kept before anything is committed in it
let stream
let stopped = false
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    stopped = true
    stream?.close()
  })
}

// The client's fallback is for where nothing is committed; what is committed but no longer there is an error.
function outOfRange(error) {
  return error?.apiId === 'OFFSET_OUT_OF_RANGE' || [error?.cause, ...(error?.errors ?? [])].some((one) => one && outOfRange(one))
}

async function follow(mode) {
  const consumer = new Consumer({
    clientId: 'subscribe',
    bootstrapBrokers: HADIR_KAFKA_BOOTSTRAP.split(','),
    groupId: state.group,
    deserializers: stringDeserializers,
    autocommit: false,
    ...secured
  })
  try {
    stream = await consumer.consume({ topics, mode, fallbackMode: 'earliest' })
    const taken = new Map() // the last message of each partition since the state was saved
    let waiting = 0
    for await (const message of stream) {
      state.take(message.topic, message.key ?? '', message.value, message.headers)
      taken.set(`${message.topic} ${message.partition}`, message)
      if (++waiting < 500 && stream.readableLength > 0) continue
      state.save()
      for (const last of taken.values()) await last.commit()
      taken.clear()
      waiting = 0
    }
  } finally {
    await consumer.close(true).catch(() => {})
  }
}

let mode = 'committed'
while (!stopped) {
  try {
    await follow(mode)
  } catch (error) {
    mode = outOfRange(error) ? 'earliest' : 'committed'
    // After some tries of its own the client gives up, and is made anew: what was not committed is read again.
    console.error(`${new Date().toISOString()} ${error.message}`)
    await setTimeout(1000)
  }
}
