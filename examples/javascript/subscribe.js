// Reads topics of Hadir with @platformatic/kafka. Settings come from the environment: docs/subscribe.md.

import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { Consumer, stringDeserializers } from '@platformatic/kafka'
import { State } from './state.js'

const { HADIR_KAFKA_BOOTSTRAP, HADIR_KAFKA_USERNAME, HADIR_KAFKA_PASSWORD, HADIR_KAFKA_CA_FILE } = process.env
if (!HADIR_KAFKA_BOOTSTRAP) {
  console.error('HADIR_KAFKA_BOOTSTRAP is not set: docs/subscribe.md')
  process.exit(1)
}
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

// The innermost errors of one: the client's own message says only which call failed.
function reasons(error) {
  const within = [error.cause, ...(error.errors ?? [])].filter(Boolean)
  return within.length > 0 ? within.flatMap(reasons) : [error]
}

const needsSomebody = {
  SASL_AUTHENTICATION_FAILED: 'ask the operators for a new password, or whether you are revoked',
  TOPIC_AUTHORIZATION_FAILED:
    'ask the operators whether your user may read it and whether there is such a topic, or leave it out of HADIR_TOPICS',
  GROUP_AUTHORIZATION_FAILED: 'ask the operators whether you are revoked; is state.json of another user, delete it'
}

// What somebody has to do about an error; undefined for what passes by itself.
function mend({ apiId, code }) {
  if (/CERT|ISSUER|SIGNATURE/.test(code)) return 'HADIR_KAFKA_CA_FILE has to be the file that the operators gave you'
  return needsSomebody[apiId]
}

// Which topics an answer to a request for metadata refuses: the error names none.
const refusedTopics = (error) => (error.response?.topics ?? []).filter((one) => one.errorCode === 29).map((one) => one.name)

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
    const why = reasons(error)
    const refusal = why.find(mend)
    if (refusal) {
      console.error(`refused: ${[...refusedTopics(error), refusal.message].join(' ')}: ${mend(refusal)}`)
      process.exit(1)
    }
    // The client's fallback is for where nothing is committed; what is committed but no longer there is an error.
    mode = why.some((one) => one.apiId === 'OFFSET_OUT_OF_RANGE') ? 'earliest' : 'committed'
    // After some tries of its own the client gives up, and is made anew: what was not committed is read again.
    const told = new Set([error.message, ...why.map((one) => one.message)])
    console.error(new Date().toISOString(), ...told)
    await setTimeout(1000)
  }
}
