import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.random.RandomGenerator;

/**
 * What a subscriber keeps of Hadir's events, in whatever order and however often they come. No Kafka in here.
 *
 * <p>The law: of the records about one thing, the one with the greatest (revision, ce_id) is in force; an event that is
 * disowned counts as never sent; a record without a value erases all that is known of its key. identity.json says which
 * fields name the thing a topic speaks of, where that is not the record's key alone.
 *
 * <p>It is all in one JSON file, written whole before offsets are committed. A real subscriber has tables instead: with
 * (topic, identity, ce_id) as the primary key this is an insert, and what is in force is a view.
 */
final class State {
    private static final String DISOWNED = "record.disowned.v1";
    private static final ObjectMapper JSON = new ObjectMapper();

    record Event(long revision, JsonNode value) {}

    /** records: topic to identity to ce_id to event; null in place of the last map: erased. */
    record Kept(String group, TreeMap<String, TreeMap<String, TreeMap<String, Event>>> records) {}

    private record Thing(String topic, String identity) {}

    private final Path path;
    private final Kept kept;
    private final JsonNode identities;

    /**
     * Reads the file, or begins one. {@code user} begins the group's name: access lists give a user the groups {@code
     * <user>.<anything>}. The group is kept in the file: who deletes that reads from the beginning again.
     */
    State(Path path, String user) throws IOException {
        this.path = path;
        this.identities = JSON.readTree(State.class.getResource("/identity.json"));
        byte[] random = new byte[4];
        RandomGenerator.getDefault().nextBytes(random);
        this.kept = Files.exists(path)
                ? JSON.readValue(path.toFile(), Kept.class)
                : new Kept(user + "." + HexFormat.of().formatHex(random), new TreeMap<>());
    }

    String group() {
        return kept.group;
    }

    /** Takes one record in, and prints what is in force where that has changed. */
    void take(String topic, String key, byte[] value, Map<String, String> headers) {
        String id = headers.get("ce_id");
        if (!"1.0".equals(headers.get("ce_specversion")) || !topic.equals(headers.get("ce_type")) || id == null) {
            passOver(topic, key, "of a type or version that this program does not know");
            return;
        }
        var known = kept.records.computeIfAbsent(topic, name -> new TreeMap<>());
        if (value == null) {
            if (known.put(key, null) != null) {
                System.out.println(topic + " " + key + " erased");
            }
            return;
        }
        JsonNode event;
        List<String> names = new ArrayList<>();
        try {
            event = JSON.readTree(value);
            for (JsonNode field : identities.path(topic)) {
                names.add(event.required(field.asText()).asText());
            }
        } catch (IOException | IllegalArgumentException error) {
            passOver(topic, key, "not what the contract says: " + error.getMessage());
            return;
        }
        String identity = names.isEmpty() ? key : String.join("/", names);
        if (known.containsKey(identity) && known.get(identity) == null) {
            return; // an erasure ranks above every revision
        }
        List<Thing> touched = new ArrayList<>(List.of(new Thing(topic, identity)));
        if (topic.equals(DISOWNED)) {
            String of = event.path("topic").asText();
            kept.records.getOrDefault(of, new TreeMap<>()).forEach((name, held) -> {
                if (held != null && held.containsKey(event.path("ce_id").asText())) {
                    touched.add(new Thing(of, name));
                }
            });
        }
        List<JsonNode> before = new ArrayList<>();
        touched.forEach(thing -> before.add(inForce(thing)));
        known.computeIfAbsent(identity, name -> new TreeMap<>())
                .put(id, new Event(event.path("revision").asLong(), event));
        for (int place = 0; place < touched.size(); place++) {
            Thing thing = touched.get(place);
            JsonNode now = inForce(thing);
            if (!Objects.equals(now, before.get(place))) {
                System.out.println(thing.topic + " " + thing.identity + " " + (now == null ? "none" : now));
            }
        }
    }

    void save() throws IOException {
        Path unfinished = path.resolveSibling(path.getFileName() + ".part");
        JSON.writeValue(unfinished.toFile(), kept);
        Files.move(unfinished, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    /** The value that holds for one thing, or null. */
    private JsonNode inForce(Thing thing) {
        var held = kept.records.getOrDefault(thing.topic, new TreeMap<>()).get(thing.identity);
        Map.Entry<String, Event> best = null;
        for (var one : (held == null ? new TreeMap<String, Event>() : held).entrySet()) {
            // In the order of ce_id, so that of two with one revision the later one is the greater.
            if (!disowned(thing.topic, one.getKey())
                    && (best == null || one.getValue().revision >= best.getValue().revision)) {
                best = one;
            }
        }
        return best == null ? null : best.getValue().value;
    }

    private boolean disowned(String topic, String id) {
        JsonNode said = topic.equals(DISOWNED) ? null : inForce(new Thing(DISOWNED, id));
        return said != null && topic.equals(said.path("topic").asText()) && !said.path("revoked").asBoolean();
    }

    private static void passOver(String topic, String key, String why) {
        System.err.println("passed over a record of " + topic + ", key " + key + ": " + why);
    }
}
