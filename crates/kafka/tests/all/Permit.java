import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/** Allows or denies everybody: BROKERS, then ALLOW|DENY TYPE LITERAL|PREFIXED NAME OPERATION each. */
public class Permit {
    public static void main(String[] arguments) throws Exception {
        List<AclBinding> bindings = new ArrayList<>();
        for (int at = 1; at < arguments.length; at += 5) {
            var resource = new ResourcePattern(
                    ResourceType.valueOf(arguments[at + 1]),
                    arguments[at + 3],
                    PatternType.valueOf(arguments[at + 2]));
            var entry = new AccessControlEntry(
                    "User:*",
                    "*",
                    AclOperation.valueOf(arguments[at + 4]),
                    AclPermissionType.valueOf(arguments[at]));
            bindings.add(new AclBinding(resource, entry));
        }
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", arguments[0]))) {
            admin.createAcls(bindings).all().get();
        }
    }
}
