import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.GroupAuthorizationException;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.errors.SslAuthenticationException;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/** Reads topics of Hadir with kafka-clients. Settings come from the environment: docs/subscribe.md. */
public final class Subscribe {
    /** What connects to the broker; a share group or a producer takes the same. */
    static Map<String, Object> settings(Map<String, String> environ) {
        Map<String, Object> given = new HashMap<>();
        given.put("bootstrap.servers", environ.get("HADIR_KAFKA_BOOTSTRAP"));
        String user = environ.get("HADIR_KAFKA_USERNAME");
        if (user != null && !user.isEmpty()) {
            given.put("security.protocol", "SASL_SSL");
            given.put("sasl.mechanism", "SCRAM-SHA-512");
            given.put("sasl.jaas.config", String.format(
                    "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"%s\" password=\"%s\";",
                    user, environ.get("HADIR_KAFKA_PASSWORD")));
            String authority = environ.get("HADIR_KAFKA_CA_FILE"); // without: the authorities that Java trusts
            if (authority != null && !authority.isEmpty()) {
                given.put("ssl.truststore.type", "PEM");
                given.put("ssl.truststore.location", authority);
            }
        }
        return given;
    }

    /** What somebody has to do about a refusal of the broker or of its certificate. */
    private static String mend(KafkaException refusal) {
        if (refusal instanceof SslAuthenticationException) {
            return "HADIR_KAFKA_CA_FILE has to be the file that the operators gave you";
        } else if (refusal instanceof AuthenticationException) {
            return "ask the operators for a new password, or whether you are revoked";
        } else if (refusal instanceof GroupAuthorizationException) {
            return "ask the operators whether you are revoked; is state.json of another user, delete it";
        }
        return "ask the operators whether your user may read it and whether there is such a topic, or leave it out of"
                + " HADIR_TOPICS";
    }

    public static void main(String[] arguments) throws Exception {
        Map<String, String> environ = System.getenv();
        if (environ.getOrDefault("HADIR_KAFKA_BOOTSTRAP", "").isEmpty()) {
            System.err.println("HADIR_KAFKA_BOOTSTRAP is not set: docs/subscribe.md");
            System.exit(1);
        }
        String topics = environ.getOrDefault("HADIR_TOPICS", "coverage.changed.v1,record.disowned.v1");
        String user = environ.getOrDefault("HADIR_KAFKA_USERNAME", "");
        State state = new State(Path.of("state.json"), user.isEmpty() ? "example" : user);
        state.save(); // the group's name is kept before anything is committed in it
        Map<String, Object> settings = settings(environ);
        settings.put("group.id", state.group());
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", false);
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new ByteArrayDeserializer())) {
            Thread main = Thread.currentThread();
            Runtime.getRuntime().addShutdownHook(new Thread(() -> {
                consumer.wakeup();
                try {
                    main.join(5000);
                } catch (InterruptedException ignored) {
                    // the process ends anyway
                }
            }));
            consumer.subscribe(List.of(topics.split(",")));
            while (true) {
                ConsumerRecords<String, byte[]> records = consumer.poll(Duration.ofSeconds(1));
                for (ConsumerRecord<String, byte[]> record : records) {
                    Map<String, String> headers = new HashMap<>();
                    for (Header header : record.headers()) {
                        if (header.value() != null) {
                            headers.put(header.key(), new String(header.value(), StandardCharsets.UTF_8));
                        }
                    }
                    state.take(record.topic(), record.key() == null ? "" : record.key(), record.value(), headers);
                }
                if (!records.isEmpty()) {
                    state.save();
                    try {
                        consumer.commitSync();
                    } catch (CommitFailedException | RebalanceInProgressException error) {
                        System.err.println("not committed, to be read again: " + error.getMessage());
                    }
                }
            }
        } catch (AuthenticationException | AuthorizationException refusal) {
            String why = refusal.getCause() == null ? "" : " (" + refusal.getCause().getMessage() + ")";
            System.err.println("refused: " + refusal.getMessage() + why + ": " + mend(refusal));
            Runtime.getRuntime().halt(1); // the hook would wait for this thread
        } catch (WakeupException stopped) {
            // Ctrl-C
        }
    }
}
