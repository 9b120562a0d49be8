import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** What a share group does with a topic of one partition, as two lines; it is put beside the Java example. */
public final class ShareGroup {
    private static final Map<String, Object> SETTINGS = Subscribe.settings(System.getenv());
    private static final String TOPIC = System.getenv("HADIR_TOPICS");

    public static void main(String[] arguments) throws Exception {
        try (var producer = new KafkaProducer<>(SETTINGS, new StringSerializer(), new StringSerializer())) {
            send(producer, "early");
            System.out.println("a group as it is begins with " + asItIs(producer));
            System.out.println("what was released came " + released(producer));
        }
    }

    /** The first record that a group gets which nobody has configured: it is asked while records go on coming. */
    private static String asItIs(KafkaProducer<String, String> producer) throws Exception {
        try (var consumer = consumer("as.it.is")) {
            while (true) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(500))) {
                    return record.value();
                }
                send(producer, "late");
            }
        }
    }

    /** Revisions 1 and 2 of one key; the first is released once: in which order they are taken in. */
    private static List<String> released(KafkaProducer<String, String> producer) throws Exception {
        try (var admin = Admin.create(SETTINGS)) {
            var group = new ConfigResource(ConfigResource.Type.GROUP, "from.the.start");
            var earliest = new AlterConfigOp(
                    new ConfigEntry("share.auto.offset.reset", "earliest"), AlterConfigOp.OpType.SET);
            admin.incrementalAlterConfigs(Map.of(group, List.of(earliest))).all().get();
        }
        send(producer, "1");
        send(producer, "2");
        List<String> taken = new ArrayList<>();
        try (var consumer = consumer("from.the.start")) {
            while (!taken.contains("1") || !taken.contains("2")) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(500))) {
                    if (record.value().equals("1") && record.deliveryCount().orElse((short) 1) == 1) {
                        consumer.acknowledge(record, AcknowledgeType.RELEASE);
                        continue;
                    }
                    consumer.acknowledge(record, AcknowledgeType.ACCEPT);
                    if (record.value().length() == 1) {
                        taken.add(record.value());
                    }
                }
                consumer.commitSync();
            }
        }
        return taken;
    }

    private static KafkaShareConsumer<String, String> consumer(String group) {
        Map<String, Object> settings = new HashMap<>(SETTINGS);
        settings.put("group.id", group);
        settings.put("share.acknowledgement.mode", group.equals("as.it.is") ? "implicit" : "explicit");
        var consumer = new KafkaShareConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
        consumer.subscribe(List.of(TOPIC));
        return consumer;
    }

    private static void send(KafkaProducer<String, String> producer, String value) throws Exception {
        producer.send(new ProducerRecord<>(TOPIC, "key", value)).get();
    }
}
