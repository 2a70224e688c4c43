// Reads topics as any consumer with isolation level read_committed does, with Kafka's own client,
// and prints one line for each record:
//   topic TAB partition TAB home TAB offset TAB key TAB value TAB header=value,header=value
// `home` is the partition that the Java producer would have chosen by the key. Bytes are
// hexadecimal, `-` stands for null. Topics are those whose name starts with a prefix.
//
//   java ReadCommitted.java BROKERS PREFIX all      what is committed now, from the beginning, then ends
//   java ReadCommitted.java BROKERS PREFIX follow   from now on, new topics too, until it is killed

import java.io.BufferedOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

public class ReadCommitted {
    static final Map<String, Integer> PARTITIONS = new HashMap<>();

    public static void main(String[] arguments) {
        String brokers = arguments[0];
        String prefix = arguments[1];
        boolean follow = arguments[2].equals("follow");
        Properties properties = new Properties();
        properties.put("bootstrap.servers", brokers);
        properties.put("isolation.level", "read_committed");
        properties.put("auto.offset.reset", "none");
        properties.put("enable.auto.commit", "false");
        PrintStream out = new PrintStream(new BufferedOutputStream(System.out, 1 << 16), false);
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(
                properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            if (follow) {
                follow(consumer, prefix, out);
            } else {
                all(consumer, prefix, out);
            }
        }
    }

    static void all(KafkaConsumer<byte[], byte[]> consumer, String prefix, PrintStream out) {
        List<TopicPartition> partitions = partitions(consumer, prefix);
        consumer.assign(partitions);
        consumer.seekToBeginning(partitions);
        // With read_committed these are the ends of what is committed.
        Map<TopicPartition, Long> left = new HashMap<>(consumer.endOffsets(partitions));
        while (true) {
            // Behind the last record there may be markers of transactions: the position passes them.
            left.entrySet().removeIf(end -> consumer.position(end.getKey()) >= end.getValue());
            if (left.isEmpty()) {
                break;
            }
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
                print(record, out);
            }
        }
        out.println("end");
        out.flush();
    }

    static void follow(KafkaConsumer<byte[], byte[]> consumer, String prefix, PrintStream out) {
        List<TopicPartition> assigned = new ArrayList<>();
        long looked = 0;
        boolean first = true;
        while (true) {
            if (System.nanoTime() - looked > 1_000_000_000L || first) {
                List<TopicPartition> found = partitions(consumer, prefix);
                found.removeAll(assigned);
                if (!found.isEmpty()) {
                    Map<TopicPartition, Long> positions = new HashMap<>();
                    for (TopicPartition partition : assigned) {
                        positions.put(partition, consumer.position(partition));
                    }
                    // What appears later is new, and wanted from its beginning.
                    positions.putAll(first ? consumer.endOffsets(found) : consumer.beginningOffsets(found));
                    assigned.addAll(found);
                    consumer.assign(assigned);
                    positions.forEach(consumer::seek);
                }
                first = false;
                looked = System.nanoTime();
            }
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
                print(record, out);
            }
            out.flush();
            if (out.checkError()) {
                return;
            }
        }
    }

    static List<TopicPartition> partitions(KafkaConsumer<byte[], byte[]> consumer, String prefix) {
        List<TopicPartition> partitions = new ArrayList<>();
        consumer.listTopics().forEach((topic, parts) -> {
            if (topic.startsWith(prefix)) {
                PARTITIONS.put(topic, parts.size());
                for (PartitionInfo part : parts) {
                    partitions.add(new TopicPartition(topic, part.partition()));
                }
            }
        });
        return partitions;
    }

    static void print(ConsumerRecord<byte[], byte[]> record, PrintStream out) {
        StringBuilder headers = new StringBuilder();
        for (Header header : record.headers()) {
            headers.append(headers.length() == 0 ? "" : ",");
            headers.append(hex(header.key().getBytes(StandardCharsets.UTF_8)));
            headers.append('=').append(hex(header.value()));
        }
        String home = record.key() == null ? "-" : Integer.toString(
                BuiltInPartitioner.partitionForKey(record.key(), PARTITIONS.get(record.topic())));
        out.print(record.topic() + "\t" + record.partition() + "\t" + home + "\t" + record.offset() + "\t"
                + hex(record.key()) + "\t" + hex(record.value()) + "\t" + headers + "\n");
    }

    static String hex(byte[] bytes) {
        return bytes == null ? "-" : HexFormat.of().formatHex(bytes);
    }
}
