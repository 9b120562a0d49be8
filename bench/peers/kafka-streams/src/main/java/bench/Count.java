package bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Properties;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * Counts the punches of each employee and day in a RocksDB store with a changelog, until so many records are
 * processed and their offsets committed; prints events a second from the first record, and the seconds before it.
 *
 * <p>Arguments: bootstrap servers, topic, records, "cached" or "uncached".
 */
public final class Count {
  private static final String STORE = "punches";
  private static final AtomicLong FIRST = new AtomicLong();
  private static final AtomicLong SEEN = new AtomicLong();
  private static final AtomicLong LAST = new AtomicLong();

  private static final class Counter implements Processor<byte[], byte[], Void, Void> {
    private final ObjectMapper json = new ObjectMapper();
    private final long wanted;
    private ProcessorContext<Void, Void> context;
    private KeyValueStore<String, Long> store;

    Counter(long wanted) {
      this.wanted = wanted;
    }

    @Override
    public void init(ProcessorContext<Void, Void> given) {
      context = given;
      store = given.getStateStore(STORE);
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
      FIRST.compareAndSet(0, System.nanoTime());
      try {
        var punch = json.readTree(record.value());
        var key = punch.get("employee_id").asText() + "/" + punch.get("work_date").asText();
        var before = store.get(key);
        store.put(key, before == null ? 1L : before + 1);
      } catch (java.io.IOException broken) {
        throw new IllegalStateException(broken);
      }
      if (SEEN.incrementAndGet() == wanted) {
        LAST.set(System.nanoTime());
      }
      if (SEEN.get() >= wanted) {
        context.commit();
      }
    }
  }

  public static void main(String[] arguments) throws Exception {
    var started = System.nanoTime();
    var topic = arguments[1];
    var wanted = Long.parseLong(arguments[2]);
    var cached = arguments[3].equals("cached");
    Path folder = Files.createTempDirectory("hadir-bench-streams");
    var group = "bench.streams." + UUID.randomUUID();

    var settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, group);
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, folder.toString());
    settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    if (!cached) {
      settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
    }

    StoreBuilder<KeyValueStore<String, Long>> store =
        Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(STORE), Serdes.String(), Serdes.Long())
            .withLoggingEnabled(Map.of());
    store = cached ? store.withCachingEnabled() : store.withCachingDisabled();

    var topology = new Topology();
    topology.addSource(
        "in", Serdes.ByteArray().deserializer(), Serdes.ByteArray().deserializer(), topic);
    topology.addProcessor("count", () -> new Counter(wanted), "in");
    topology.addStateStore(store, "count");

    var streams = new KafkaStreams(topology, settings);
    streams.start();
    try (var admin = Admin.create(Map.<String, Object>of("bootstrap.servers", arguments[0]))) {
      while (LAST.get() == 0) {
        Thread.sleep(1);
      }
      while (committed(admin, group) < wanted) {
        Thread.sleep(2);
      }
    }
    var all = System.nanoTime();
    System.out.printf(
        java.util.Locale.ROOT,
        "{\"events_per_s\": %.1f, \"processed_per_s\": %.1f, \"start_s\": %.3f}%n",
        wanted * 1e9 / (all - FIRST.get()),
        wanted * 1e9 / (LAST.get() - FIRST.get()),
        (FIRST.get() - started) / 1e9);
    streams.close(java.time.Duration.ofSeconds(10));
    try (var left = Files.walk(folder)) {
      left.sorted(java.util.Comparator.reverseOrder()).forEach(path -> path.toFile().delete());
    }
  }

  private static long committed(Admin admin, String group) throws Exception {
    Map<TopicPartition, OffsetAndMetadata> offsets =
        admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
    return offsets.values().stream().mapToLong(OffsetAndMetadata::offset).sum();
  }
}
