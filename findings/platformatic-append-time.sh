#!/usr/bin/env bash
# What: of a topic with message.timestamp.type=LogAppendTime @platformatic/kafka tells as a record's timestamp what its
# producer said, and not when the broker appended it. kafka-clients tells the broker's time, and that it is that.
# Why it matters here: a topic is set so where producers' clocks are not to be believed (terminals at gates, gateways of
# others), and the broker's clock is the evidence. One reader of the same record then has the evidence, another the claim.
# A search by timestamp is answered by the broker, by its own time: what is found is not what was asked for.
# Versions: @platformatic/kafka 1.35.0 (2.12.1 on Node 24.19 does the same), kafka-clients and broker 4.4.0, on 127.0.0.1.
# Seen: a record sent now by a producer whose clock says 1 January 2020
#   kafka-clients: now, LogAppendTime
#   @platformatic/kafka: 2020-01-01T00:00:00.000Z
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
log.message.timestamp.type=LogAppendTime
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
PROPERTIES
java -cp 'jars/*' kafka.tools.StorageTool format -t AAAAAAAAAAAAAAAAAAAAAQ -c server.properties >format.log 2>&1
java -Xmx256m -cp 'jars/*' kafka.Kafka server.properties >broker.log 2>&1 &
broker=$!

cat >Check.java <<'JAVA'
import java.time.*;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.*;

public class Check {
    public static void main(String[] address) throws Exception {
        var where = Map.<String, Object>of("bootstrap.servers", address[0]);
        var begun = System.currentTimeMillis();
        try (var producer = new KafkaProducer<>(where, new StringSerializer(), new StringSerializer())) {
            var claimed = Instant.parse("2020-01-01T00:00:00Z").toEpochMilli();
            producer.send(new ProducerRecord<>("punches", 0, claimed, "east", "in")).get();
        }
        try (var consumer = new KafkaConsumer<>(where, new StringDeserializer(), new StringDeserializer())) {
            var partition = List.of(new TopicPartition("punches", 0));
            consumer.assign(partition);
            consumer.seekToBeginning(partition);
            ConsumerRecords<String, String> read;
            do read = consumer.poll(Duration.ofSeconds(1)); while (read.isEmpty());
            for (var one : read) {
                var now = begun <= one.timestamp() && one.timestamp() <= System.currentTimeMillis();
                var told = now ? "now" : Instant.ofEpochMilli(one.timestamp()).toString();
                System.out.println("kafka-clients: " + told + ", " + one.timestampType());
            }
        }
    }
}
JAVA
cat >check.mjs <<'JS'
import { Consumer, stringDeserializers } from '@platformatic/kafka'

const consumer = new Consumer({
  clientId: 'reader', groupId: 'reader', bootstrapBrokers: [process.argv[2]], deserializers: stringDeserializers
})
const stream = await consumer.consume({ topics: ['punches'], mode: 'earliest' })
for await (const message of stream) {
  console.log('@platformatic/kafka:', new Date(Number(message.timestamp)).toISOString())
  break
}
await consumer.close(true)
JS
timeout 120 java -cp 'jars/*' Check.java "$address" 2>errors | tee seen
timeout 60 node check.mjs "$address" 2>>errors | tee -a seen
diff - seen <<'SEEN' || { tail -5 errors; exit 1; }
kafka-clients: now, LogAppendTime
@platformatic/kafka: 2020-01-01T00:00:00.000Z
SEEN
