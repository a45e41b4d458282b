using System.Text.RegularExpressions;
using Xunit;

namespace Gateway.FunctionalTests.Contract;

/// <summary>The validator finds what is wrong and lets pass what is right, in the specification's dialect and in the platform's.</summary>
public sealed partial class ContractValidatorTests
{
    private const string Machines = "/v1/apps/workspaces/machines";
    private const string Machine = Machines + "/1857156b526dd8";
    private const string Volumes = "/v1/apps/workspaces/volumes";
    private const string GoodMachine = """
        {"id":"1857156b526dd8","name":"ws","state":"started","region":"ord","instance_id":"01HEPA","version":"01HEPA","host_status":"ok","something_new":1,
         "config":{"image":"i","services":[{"autostop":false},{"autostop":"suspend"}]},"events":[{"type":"start","timestamp":1,"request":{"free":true}}]}
        """;

    private static readonly ContractValidator Contract = ContractValidator.Load();

    [Theory]
    [InlineData("GET", Machines, null)]
    [InlineData("GET", Machines + "?limit=500&metadata.gateway_user=a%26b&cursor=x&include_deleted=true&region=ord", null)]
    [InlineData("POST", Machines, """{"name":"ws","region":"ord","config":{"image":"i","guest":{"cpu_kind":"shared","cpus":1,"memory_mb":512},"restart":{"policy":"on-failure"}},"skip_launch":true}""")]
    [InlineData("POST", Machine, """{"config":{"image":"i"},"current_version":"01"}""")]
    [InlineData("POST", Machine + "/start", null)]
    [InlineData("POST", Machine + "/stop", """{"signal":"SIGTERM","timeout":"10s"}""")]
    [InlineData("POST", Machine + "/stop", null)]
    [InlineData("GET", Machine + "/wait?state=started,failed&timeout=60&version=01", null)]
    [InlineData("DELETE", Machine + "?force=true", null)]
    [InlineData("POST", Machine + "/metadata/k", """{"value":"v"}""")]
    [InlineData("PUT", Volumes + "/vol_1/extend", """{"size_gb":9}""")]
    public void Good_request_passes(string method, string target, string? body) => Assert.Empty(Contract.ValidateRequest(method, target, body));

    [Theory]
    [InlineData("GET", "/v1/apps/workspaces/machine", null, "is not in the contract")]
    [InlineData("PUT", Machines, null, "is not in the contract")]
    [InlineData("GET", "/v1/apps//machines", null, "is not in the contract")]
    [InlineData("GET", Machines + "?metadata=x", null, "query metadata is not in the contract")]
    [InlineData("GET", Machine + "?cursor=x", null, "query cursor is not in the contract")]
    [InlineData("GET", Machines + "?limit=many", null, "query limit is String, not integer")]
    [InlineData("GET", Machine + "/wait?state=asleep&timeout=1", null, "query state is \"asleep\", not one of")]
    [InlineData("GET", Machine + "/wait?state=started&timeout=61", null, "query timeout is 61, out of bounds")]
    [InlineData("GET", Machine + "/wait?state=started&timeout=0", null, "query timeout is 0, out of bounds")]
    [InlineData("GET", Machine + "/wait?timeout=5", null, "query state is missing")]
    [InlineData("DELETE", Machine + "?force=yes", null, "query force is String, not boolean")]
    [InlineData("POST", Machines, null, "the body is missing")]
    [InlineData("POST", Machines, "{", "the body is not JSON")]
    [InlineData("POST", Machines, "[]", "$ is Array, not object")]
    [InlineData("POST", Machines, """{"name":"ws","config":{"image":"i"}}""", "$.region is missing")]
    [InlineData("POST", Machines, """{"name":"ws","region":"ord","config":{"image":"i"},"auto_start":true}""", "$.auto_start is not in the contract")]
    [InlineData("POST", Machines, """{"name":"ws","region":"ord","config":{"image":"i","auto_stop_machines":true}}""", "$.config.auto_stop_machines is not in the contract")]
    [InlineData("POST", Machines, """{"name":"ws","region":"ord","config":{}}""", "$.config.image is missing")]
    [InlineData("POST", Machines, """{"name":"ws","region":"ord","config":{"image":null}}""", "$.config.image is null")]
    [InlineData("POST", Machines, """{"name":"ws","region":"ord","config":{"image":"i","mounts":[{"volume":"v"}]}}""", "$.config.mounts[0].path is missing")]
    [InlineData("POST", Machines, """{"name":"ws","region":"ord","config":{"image":"i","restart":{"policy":"sometimes"}}}""", "$.config.restart.policy is \"sometimes\", not one of")]
    [InlineData("POST", Machines, """{"name":"ws","region":"ord","config":{"image":"i","metadata":{"k":1}}}""", "$.config.metadata.k is Number, not string")]
    [InlineData("POST", Machines, """{"name":"ws","region":"ord","config":{"image":"i","guest":{"cpu_kind":"shared","cpus":1.5,"memory_mb":512}}}""", "$.config.guest.cpus is Number, not integer")]
    [InlineData("POST", Machine + "/stop", """{"timeout":10}""", "$.timeout is Number, not string")]
    [InlineData("POST", Machine + "/stop", """{"signal":"SIGNAL"}""", "$.signal is \"SIGNAL\", not one of")]
    [InlineData("POST", Machine + "/start", """{"force":true}""", "there should be no body")]
    [InlineData("POST", Machine, """{"config":{"image":"i"}}""", "$.current_version is missing")]
    public void Bad_request_is_found(string method, string target, string? body, string fault) =>
        Assert.Contains(fault, Assert.Single(Contract.ValidateRequest(method, target, body)), StringComparison.Ordinal);

    [Fact]
    public void Lease_is_not_given_back_without_its_nonce()
    {
        Assert.Contains("header fly-machine-lease-nonce is missing", Assert.Single(Contract.ValidateRequest("DELETE", Machine + "/lease", null, new Dictionary<string, string>())), StringComparison.Ordinal);
        Assert.Empty(Contract.ValidateRequest("DELETE", Machine + "/lease", null, new Dictionary<string, string> { ["Fly-Machine-Lease-Nonce"] = "n" }));
    }

    [Theory]
    [InlineData("GET", Machine, 200, GoodMachine)]
    [InlineData("GET", Machine, 200, """{"id":"a","name":"ws","state":"never-heard-of","region":"ord","instance_id":"01","config":null,"host_status":"unreachable"}""")]
    [InlineData("GET", Machines, 200, "[" + GoodMachine + "]")]
    [InlineData("POST", Machine + "/start", 200, """{"previous_state":"stopped"}""")]
    [InlineData("POST", Machine + "/lease", 201, """{"nonce":"n","expires_at":1}""")]
    [InlineData("POST", Machine + "/lease", 201, """{"status":"success","data":{"nonce":"n","expires_at":1}}""")]
    [InlineData("POST", Machine + "/lease", 409, """{"status":"error","message":"lease currently held by x","code":"c"}""")]
    [InlineData("POST", Machine + "/metadata/k", 204, "")]
    [InlineData("POST", Machine + "/start", 412, """{"error":"failed_precondition: machine still active, refusing to start"}""")]
    [InlineData("POST", Machines, 412, """{"error":"insufficient resources","status":"volume_placement_capacity"}""")]
    [InlineData("POST", Machines, 429, """{"error":"resource_exhausted: rate limit exceeded"}""")]
    [InlineData("GET", Machine, 502, "<html>bad gateway</html>")]
    [InlineData("GET", "/v2/nothing", 404, "404 page not found")]
    [InlineData("GET", Volumes, 200, """[{"id":"vol_1","name":"ws","state":"created","region":"ord","size_gb":5,"attached_machine_id":null}]""")]
    public void Good_answer_passes(string method, string path, int status, string body) => Assert.Empty(Contract.ValidateResponse(method, path, status, body));

    [Theory]
    [InlineData("GET", Machine, 200, "", "the body is not JSON")]
    [InlineData("GET", Machine, 200, """{"id":"a","name":"ws","state":"started","instance_id":"01","config":{}}""", "$.region is missing")]
    [InlineData("GET", Machine, 200, """{"id":"a","name":null,"state":"started","region":"ord","instance_id":"01","config":{}}""", "$.name is null")]
    [InlineData("GET", Machine, 200, """{"id":"a","name":"ws","state":"started","region":"ord","instance_id":"01","config":{},"host_status":"tired"}""", "$.host_status is \"tired\", not one of")]
    [InlineData("GET", Machine, 200, """{"id":"a","name":"ws","state":"started","region":"ord","instance_id":"01","config":{"services":[{"autostop":7}]}}""", "$.config.services[0].autostop is Number")]
    [InlineData("GET", Machines, 200, "{}", "$ is Object, not array")]
    [InlineData("POST", Machine + "/lease", 201, """{"status":"success","data":{"expires_at":1}}""", "$.data.nonce is missing")]
    [InlineData("GET", Machine, 201, GoodMachine, "status 201 is not in the contract")]
    [InlineData("GET", Machine, 418, "{}", "status 418 is not in the contract")]
    [InlineData("GET", Machine, 404, """{"reason":"gone"}""", "is missing")]
    [InlineData("POST", Machine + "/start", 409, "machine still attempting to start", "the error is not JSON")]
    [InlineData("POST", Machine + "/start", 409, """{"error":"x","status":"tired"}""", "$.status is \"tired\", not one of")]
    [InlineData("GET", "/v2/nothing", 200, "{}", "is not in the contract")]
    public void Bad_answer_is_found(string method, string path, int status, string body, string fault) =>
        Assert.Contains(Contract.ValidateResponse(method, path, status, body), found => found.Contains(fault, StringComparison.Ordinal));

    [Fact]
    public void Cursor_belongs_to_listings_only()
    {
        var headers = new Dictionary<string, string> { ["fly-next-cursor"] = "x" };

        Assert.Empty(Contract.ValidateResponse("GET", Machines, 200, "[]", headers));
        Assert.Contains("header fly-next-cursor", Assert.Single(Contract.ValidateResponse("GET", Machine, 200, GoodMachine, headers)), StringComparison.Ordinal);
    }

    [Fact]
    public void Every_deviation_says_where_it_comes_from_and_why()
    {
        var deviations = ContractDocument.Deviations();

        Assert.NotEmpty(deviations);
        Assert.All(deviations, static deviation => Assert.Matches(Source(), deviation!["from"]!.GetValue<string>()));
        Assert.All(deviations, static deviation => Assert.NotEmpty(deviation!["why"]!.GetValue<string>()));
    }

    [GeneratedRegex(@"^fly\.md:\d+$")]
    private static partial Regex Source();
}
