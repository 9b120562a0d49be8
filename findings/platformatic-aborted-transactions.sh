#!/usr/bin/env bash
# What: @platformatic/kafka reads READ_COMMITTED (its default) and still hands over records of aborted transactions: where
# one fetch holds two aborted ones of the same producer, those of the first; where an aborted one is larger than what one
# fetch brings, those that came without its end. kafka-clients with read_committed hands over none, from the same log.
# Why it matters here: what was taken back counts as sent. A producer that has a bad minute aborts twice in a row; whoever
# then reads the topic from its beginning, as subscribers do, takes a draft for a fact, and no error says so.
# Versions: @platformatic/kafka 1.35.0 (of 2.12.1, on Node 24.19, the first of the two holds), kafka-clients and broker 4.4.0,
# on 127.0.0.1. Kafka 4.4.0 names both aborted transactions; the client keeps one for each producer, and needs to see its end.
# Seen:
#   kafka-clients, two aborted: final
#   kafka-clients, a large one aborted: final
#   @platformatic/kafka, two aborted: first draft, final
#   @platformatic/kafka, a large one aborted: draft, final
# Needs a JDK from 17 on, Maven, Node from 20.19.4 on and npm; installs into a folder of its own and removes it.
set -euo pipefail

place=$(mktemp -d)
broker=
stop() {
  if [ -n "$broker" ]; then kill "$broker" && wait "$broker" || true; fi
  rm -rf "$place"
}
trap stop EXIT
cd "$place"
npm install --silent --no-audit --no-fund @platformatic/kafka@1.35.0 >npm.log 2>&1
cat >pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>finding</groupId><artifactId>kafka</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>4.4.0</version>
  </dependency></dependencies>
</project>
XML
mvn -q -B dependency:copy-dependencies -DoutputDirectory=jars >mvn.log 2>&1

unused() {
  node -e 'const one = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(one.address().port); one.close() })'
}
address=127.0.0.1:$(unused)
controller=127.0.0.1:$(unused)
cat >server.properties <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@$controller
listeners=PLAINTEXT://$address,CONTROLLER://$controller
controller.listener.names=CONTROLLER
log.dirs=$place/log
num.partitions=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
PROPERTIES
java -cp 'jars/*' kafka.tools.StorageTool format -t AAAAAAAAAAAAAAAAAAAAAQ -c server.properties >format.log 2>&1
java -Xmx256m -cp 'jars/*' kafka.Kafka server.properties >broker.log 2>&1 &
broker=$!

cat >Check.java <<'JAVA'
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.*;

public class Check {
    static KafkaProducer<String, String> producer;

    /** One transaction of so many records, committed if it is the final one. */
    static void write(String topic, String plan, int records, String note) {
        producer.beginTransaction();
        for (int i = 0; i < records; i++) producer.send(new ProducerRecord<>(topic, note, plan));
        producer.flush();
        if (plan.equals("final")) producer.commitTransaction();
        else producer.abortTransaction();
    }

    public static void main(String[] address) {
        producer = new KafkaProducer<>(
            Map.of("bootstrap.servers", address[0], "transactional.id", "planner"),
            new StringSerializer(), new StringSerializer());
        producer.initTransactions();
        write("two", "first draft", 1, "");
        write("two", "second draft", 1, "");
        write("two", "final", 1, "");
        write("a.large.one", "draft", 3000, " ".repeat(10_000));
        write("a.large.one", "final", 1, "");
        producer.close();
        for (var topic : List.of("two", "a.large.one")) read(address[0], topic);
    }

    static void read(String address, String topic) {
        var settings = Map.<String, Object>of("bootstrap.servers", address, "isolation.level", "read_committed");
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            var partition = List.of(new TopicPartition(topic, 0));
            consumer.assign(partition);
            consumer.seekToBeginning(partition);
            var plans = new LinkedHashSet<String>();
            while (!plans.contains("final")) {
                for (var one : consumer.poll(Duration.ofSeconds(1))) plans.add(one.value());
            }
            System.out.println("kafka-clients, " + topic.replace(".", " ") + " aborted: " + String.join(", ", plans));
        }
    }
}
JAVA
cat >check.mjs <<'JS'
import { Consumer, stringDeserializers } from '@platformatic/kafka'

for (const topic of ['two', 'a.large.one']) {
  const consumer = new Consumer({
    clientId: 'reader',
    groupId: topic,
    bootstrapBrokers: [process.argv[2]],
    deserializers: stringDeserializers
  })
  const stream = await consumer.consume({ topics: [topic], mode: 'earliest' })
  const plans = new Set()
  for await (const message of stream) {
    plans.add(message.value)
    if (message.value === 'final') break
  }
  console.log(`@platformatic/kafka, ${topic.replaceAll('.', ' ')} aborted: ${[...plans].join(', ')}`)
  await consumer.close(true)
}
JS
timeout 120 java -cp 'jars/*' Check.java "$address" 2>errors | tee seen
timeout 60 node check.mjs "$address" 2>>errors | tee -a seen
diff - seen <<'SEEN' || { tail -5 errors; exit 1; }
kafka-clients, two aborted: final
kafka-clients, a large one aborted: final
@platformatic/kafka, two aborted: first draft, final
@platformatic/kafka, a large one aborted: draft, final
SEEN
