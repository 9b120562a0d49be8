import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cloudevents.CloudEvent;
import io.cloudevents.core.format.EventFormat;
import io.cloudevents.core.provider.EventFormatProvider;
import io.cloudevents.jackson.JsonFormat;
import io.cloudevents.kafka.CloudEventDeserializer;
import java.util.Base64;
import java.util.concurrent.Callable;
import org.apache.kafka.common.header.internals.RecordHeaders;

/** Reads {records: [{topic, value, headers}], structured: [text]}, bytes in base64; answers what the SDK makes of each. */
class Read {
    static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] arguments) throws Exception {
        JsonNode asked = JSON.readTree(System.in);
        ObjectNode answer = JSON.createObjectNode();
        ArrayNode records = answer.putArray("records");
        CloudEventDeserializer deserializer = new CloudEventDeserializer();
        for (JsonNode record : asked.get("records")) {
            RecordHeaders headers = new RecordHeaders();
            for (JsonNode header : record.get("headers")) {
                headers.add(header.get(0).asText(), bytes(header.get(1)));
            }
            String topic = record.get("topic").asText();
            records.add(told(() -> deserializer.deserialize(topic, headers, bytes(record.get("value")))));
        }
        ArrayNode structured = answer.putArray("structured");
        EventFormat format = EventFormatProvider.getInstance().resolveFormat(JsonFormat.CONTENT_TYPE);
        for (JsonNode body : asked.get("structured")) {
            structured.add(told(() -> format.deserialize(bytes(body))));
        }
        System.out.write(JSON.writeValueAsBytes(answer));
        System.out.flush();
    }

    static byte[] bytes(JsonNode text) {
        return text.isNull() ? null : Base64.getDecoder().decode(text.asText());
    }

    static ObjectNode told(Callable<CloudEvent> read) {
        ObjectNode told = JSON.createObjectNode();
        try {
            CloudEvent event = read.call();
            told.put("id", event.getId()).put("type", event.getType()).put("source", event.getSource().toString());
            told.put("specversion", event.getSpecVersion().toString()).put("subject", event.getSubject());
            told.put("dataschema", event.getDataSchema().toString());
            told.put("datacontenttype", event.getDataContentType()).put("time", event.getTime().toString());
            told.set("data", event.getData() == null ? null : JSON.readTree(event.getData().toBytes()));
        } catch (Exception error) {
            told.removeAll().put("error", error.getClass().getSimpleName() + ": " + error.getMessage());
        }
        return told;
    }
}
