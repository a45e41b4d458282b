using System.Net;
using System.Text.Json;
using Gateway.Machines;
using Xunit;

namespace Gateway.Tests.Machines;

/// <summary>What each call sends, and what is read out of the answers in all their dialects.</summary>
public sealed class MachinesClientTests : IDisposable
{
    private const string Path = "/v1/apps/workspaces/machines/1857156b526dd8";
    private const string Volumes = "/v1/apps/workspaces/volumes";

    private readonly MachinesStage _stage = new();

    private static CancellationToken None => CancellationToken.None;

    public void Dispose() => _stage.Dispose();

    [Fact]
    public async Task List_asks_for_all_metadata_and_escapes_it()
    {
        _stage.Api.Answers("[]");

        await _stage.Machines.ListAsync(MachinesStage.App, new Dictionary<string, string> { ["gateway_user"] = "a&b=c/ü", ["k"] = "v" }, null, None).WaitAsync(MachinesStage.Limit);

        Assert.Equal("/v1/apps/workspaces/machines?limit=500&metadata.gateway_user=a%26b%3Dc%2F%C3%BC&metadata.k=v", _stage.Api.Only.PathAndQuery);
    }

    [Fact]
    public async Task List_goes_on_where_the_cursor_points()
    {
        _stage.Api.Answers("""[{"id":"a"}]""", ("fly-next-cursor", "next/1")).Answers("[]");

        var first = await ListAsync(null);
        var last = await ListAsync(first.Value!.Next);

        Assert.Equal(("next/1", null), (first.Value.Next, last.Value!.Next));
        Assert.EndsWith("&cursor=next%2F1", _stage.Api.Requests.Last().PathAndQuery, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("null")]
    public async Task List_of_nothing_is_an_empty_page(string body)
    {
        _stage.Api.Answers(body);

        var page = await ListAsync(null);

        Assert.True(page.IsOk);
        Assert.Empty(page.Value.Machines);
    }

    [Theory]
    [InlineData("[{}]")]
    [InlineData("[null]")]
    [InlineData("""[{"id":""}]""")]
    [InlineData("{}")]
    [InlineData("")]
    [InlineData("<html>")]
    [InlineData("""[{"id":"a"},""")]
    public async Task List_that_cannot_be_read_whole_is_no_list(string body)
    {
        _stage.Api.Answers(body);

        Assert.Equal(MachinesFailureKind.Unavailable, (await ListAsync(null)).Failure?.Kind);
    }

    [Fact]
    public async Task Machine_is_read_with_everything_the_platform_says()
    {
        _stage.Api.Answers("""
            {"id":"1857156b526dd8","name":"ws-1","state":"started","region":"ord","instance_id":"01HEPA330HZ37A78TK080NAK1M","private_ip":"fdaa:ff:ff:a7b:195:e229:8038:2",
             "created_at":"2023-11-08T01:52:30Z","host_status":"ok","cordoned":false,"checks":[{"name":"http"}],"something_new":{"deep":[1,2]},
             "config":{"image":"registry.test/ws:1","metadata":{"gateway_user":"alice"},"env":{"A":"1"},"guest":{"cpu_kind":"shared","cpus":1,"memory_mb":512},
               "services":[{"autostop":false},{"autostop":"suspend"}],"auto_destroy":false},
             "events":[{"id":"e","type":"exit","status":"stopped","source":"flyd","timestamp":1699408350300,
               "request":{"exit_event":{"exit_code":137,"oom_killed":true,"requested_stop":false,"exited_at":"x"},"restart_count":0}},{"type":"start","timestamp":1,"request":null}]}
            """);

        var machine = (await GetAsync()).Value!;

        Assert.Equal((MachinesStage.Machine, "ws-1", PlatformState.Started, "ord"), (machine.Id, machine.Name, machine.State, machine.Region));
        Assert.Equal(("01HEPA330HZ37A78TK080NAK1M", "fdaa:ff:ff:a7b:195:e229:8038:2", false), (machine.Version, machine.PrivateAddress, machine.HostUnreachable));
        Assert.Equal(new DateTimeOffset(2023, 11, 8, 1, 52, 30, TimeSpan.Zero), machine.CreatedAt);
        Assert.Equal("alice", machine.Metadata["gateway_user"]);
        Assert.Equal(
            [new("exit", DateTimeOffset.FromUnixTimeMilliseconds(1699408350300), 137, true, false), new("start", DateTimeOffset.FromUnixTimeMilliseconds(1), null, false, false)],
            machine.Events);
    }

    [Fact]
    public async Task Config_survives_a_read_and_a_write_with_what_we_do_not_know()
    {
        const string Config = """
            {"image":"registry.test/ws:1","env":{"A":"1"},"init":{"cmd":["run"],"swap_size_mb":256},"guest":{"cpu_kind":"shared","cpus":1,"memory_mb":512,"max_memory_mb":1024},
             "mounts":[{"volume":"vol_1","path":"/data","encrypted":true}],"metadata":{"k":"v"},"restart":{"policy":"on-failure","max_retries":3,"gpu_bid_price":0.5},
             "stop_config":{"signal":"SIGTERM","timeout":"10s","later":1},"services":[{"autostop":false,"ports":[{"port":80}]},{"autostop":"suspend"}],"auto_destroy":false,"dns":{"skip_registration":true}}
            """;
        _stage.Api.Answers($$"""{"id":"1857156b526dd8","config":{{Config}}}""");

        var read = (await GetAsync()).Value!;
        await _stage.Machines.UpdateAsync(MachinesStage.App, MachinesStage.Machine, read.Config!, "01HEPA", null, launch: true, None).WaitAsync(MachinesStage.Limit);

        using var sent = JsonDocument.Parse(_stage.Api.Requests.Last().Body!);
        using var expected = JsonDocument.Parse(Config);
        Assert.True(JsonElement.DeepEquals(expected.RootElement, sent.RootElement.GetProperty("config")), sent.RootElement.ToString());
    }

    [Fact]
    public async Task Machine_on_a_silent_host_has_no_config_and_says_so()
    {
        _stage.Api.Answers("""{"id":"1857156b526dd8","state":"stopped","host_status":"unreachable","config":null,"incomplete_config":{"image":"x"},"private_ip":"","events":null,"created_at":""}""");

        var machine = (await GetAsync()).Value!;

        Assert.True(machine.HostUnreachable);
        Assert.Null(machine.Config);
        Assert.Null(machine.PrivateAddress);
        Assert.Null(machine.CreatedAt);
        Assert.Empty(machine.Metadata);
        Assert.Empty(machine.Events);
    }

    [Theory]
    [InlineData("""{"id":"a","version":"01V"}""", "01V")]
    [InlineData("""{"id":"a","instance_id":"01I"}""", "01I")]
    [InlineData("""{"id":"a","instance_id":"01I","version":"01I"}""", "01I")]
    [InlineData("""{"id":"a"}""", "")]
    public async Task Version_is_read_under_both_names(string body, string version)
    {
        _stage.Api.Answers(body);

        Assert.Equal(version, (await GetAsync()).Value!.Version);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("ok")]
    public async Task Creation_whose_answer_cannot_be_read_has_to_be_looked_for(string body)
    {
        _stage.Api.Answers(body);

        var made = await _stage.Machines.CreateAsync(MachinesStage.App, new NewMachine("ws-1", "ord", new MachineConfig()), launch: true, None).WaitAsync(MachinesStage.Limit);

        Assert.Equal(MachinesFailureKind.Ambiguous, made.Failure?.Kind);
    }

    [Theory]
    [InlineData(true, """{"name":"ws-1","region":"ord","config":{"image":"registry.test/ws:1"}}""")]
    [InlineData(false, """{"name":"ws-1","region":"ord","config":{"image":"registry.test/ws:1"},"skip_launch":true}""")]
    public async Task Create_sends_name_region_config_and_whether_to_launch(bool launch, string body)
    {
        _stage.Api.Answers("""{"id":"1857156b526dd8"}""");

        await _stage.Machines.CreateAsync(MachinesStage.App, new NewMachine("ws-1", "ord", new MachineConfig { Image = "registry.test/ws:1" }), launch, None).WaitAsync(MachinesStage.Limit);

        Assert.Equal(new SentRequest(HttpMethod.Post, "/v1/apps/workspaces/machines", body, "application/json", null, "Bearer " + MachinesStage.Token), _stage.Api.Only);
    }

    [Fact]
    public async Task Update_sends_the_version_it_was_decided_on_and_the_nonce()
    {
        _stage.Api.Answers("""{"id":"1857156b526dd8"}""");

        await _stage.Machines.UpdateAsync(MachinesStage.App, MachinesStage.Machine, new MachineConfig { Image = "i" }, "01HEPA", "n1", launch: false, None).WaitAsync(MachinesStage.Limit);

        AssertSent(HttpMethod.Post, Path, """{"config":{"image":"i"},"current_version":"01HEPA","skip_launch":true}""", "n1");
    }

    [Fact]
    public async Task Start_sends_no_body_and_the_nonce()
    {
        _stage.Api.Answers("""{"previous_state":"stopped","migrated":false,"new_host":""}""");

        Assert.True((await _stage.Machines.StartAsync(MachinesStage.App, MachinesStage.Machine, "n1", None).WaitAsync(MachinesStage.Limit)).IsOk);

        AssertSent(HttpMethod.Post, Path + "/start", "", "n1");
    }

    [Theory]
    [InlineData(null, "{}")]
    [InlineData(10, """{"timeout":"10s"}""")]
    [InlineData(4000, """{"timeout":"300s"}""")]
    public async Task Stop_sends_the_grace_as_a_duration(int? grace, string body)
    {
        _stage.Api.Answers("""{"ok":true}""");

        await _stage.Machines.StopAsync(MachinesStage.App, MachinesStage.Machine, grace is { } seconds ? TimeSpan.FromSeconds(seconds) : null, "n1", None).WaitAsync(MachinesStage.Limit);

        AssertSent(HttpMethod.Post, Path + "/stop", body, "n1");
    }

    [Fact]
    public async Task Suspend_sends_no_body_and_the_nonce()
    {
        _stage.Api.Answers("""{"ok":true}""");

        await _stage.Machines.SuspendAsync(MachinesStage.App, MachinesStage.Machine, "n1", None).WaitAsync(MachinesStage.Limit);

        AssertSent(HttpMethod.Post, Path + "/suspend", "", "n1");
    }

    [Theory]
    [InlineData(0.1, 1)]
    [InlineData(10.2, 11)]
    [InlineData(60, 60)]
    [InlineData(600, 60)]
    public async Task Wait_asks_for_what_the_api_allows(double asked, int sent)
    {
        _stage.Api.Answers("""{"ok":true,"state":"stopped","event_id":"e","version":"01HEPA"}""");

        await _stage.Machines.WaitAsync(MachinesStage.App, MachinesStage.Machine, "stopped", "01HEPA", TimeSpan.FromSeconds(asked), None).WaitAsync(MachinesStage.Limit);

        AssertSent(HttpMethod.Get, $"{Path}/wait?state=stopped&timeout={sent}&version=01HEPA", null, null);
        Assert.Contains(TimeSpan.FromSeconds(sent + 10), _stage.Time.Limits);
    }

    [Theory]
    [InlineData("""{"nonce":"n1","expires_at":1767225600,"owner":"o","description":"d","version":"01"}""")]
    [InlineData("""{"status":"success","data":{"nonce":"n1","expires_at":1767225600,"owner":"o","description":"d","version":"01"}}""")]
    public async Task Lease_is_read_flat_and_wrapped(string body)
    {
        _stage.Api.Answers(HttpStatusCode.Created, body);

        var lease = await LeaseAsync();

        Assert.Equal(new MachineLease("n1", DateTimeOffset.FromUnixTimeSeconds(1767225600)), lease.Value);
        AssertSent(HttpMethod.Post, Path + "/lease", """{"ttl":31,"description":"idle stop"}""", null);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("""{"status":"success","data":{"nonce":"","expires_at":1}}""")]
    public async Task Lease_without_a_nonce_is_not_a_lease(string body)
    {
        _stage.Api.Answers(HttpStatusCode.Created, body);

        Assert.Equal(MachinesFailureKind.Ambiguous, (await LeaseAsync()).Failure?.Kind);
    }

    [Fact]
    public async Task Lease_is_given_back_with_its_nonce()
    {
        _stage.Api.Answers("""{"status":"success","data":{"ok":true}}""");

        await _stage.Machines.ReleaseLeaseAsync(MachinesStage.App, MachinesStage.Machine, "n1", None).WaitAsync(MachinesStage.Limit);

        AssertSent(HttpMethod.Delete, Path + "/lease", null, "n1");
    }

    [Fact]
    public async Task Metadata_is_written_key_by_key()
    {
        _stage.Api.Answers(HttpStatusCode.NoContent, "");

        await _stage.Machines.SetMetadataAsync(MachinesStage.App, MachinesStage.Machine, "gateway/key", "value", None).WaitAsync(MachinesStage.Limit);

        AssertSent(HttpMethod.Post, Path + "/metadata/gateway%2Fkey", """{"value":"value"}""", null);
    }

    [Theory]
    [InlineData(true, "?force=true")]
    [InlineData(false, "")]
    public async Task Destroy_is_forced_only_when_asked(bool force, string query)
    {
        _stage.Api.Answers("""{"ok":true}""");

        await _stage.Machines.DestroyAsync(MachinesStage.App, MachinesStage.Machine, force, "n1", None).WaitAsync(MachinesStage.Limit);

        AssertSent(HttpMethod.Delete, Path + query, "", "n1");
    }

    [Fact]
    public async Task Volumes_are_listed_to_the_last_page()
    {
        _stage.Api.Answers("""[{"id":"vol_1","name":"a","state":"created","size_gb":null,"attached_machine_id":null,"bytes_used":null}]""", ("fly-next-cursor", "c2"))
            .Answers("null", ("fly-next-cursor", "c3"))
            .Answers("""[{"id":"vol_2","size_gb":3,"bytes_used":7,"bytes_total":9,"attached_machine_id":"m","created_at":"2026-01-01T00:00:00Z","region":"ord","zone":"z"}]""");

        var volumes = (await _stage.Machines.ListVolumesAsync(MachinesStage.App, None).WaitAsync(MachinesStage.Limit)).Value!;

        Assert.Equal(["vol_1", "vol_2"], volumes.Select(static volume => volume.Id.Value));
        Assert.Equal((3, 7L, 9L, new MachineId("m"), "ord"), (volumes[1].SizeGb, volumes[1].BytesUsed, volumes[1].BytesTotal, volumes[1].AttachedMachine, volumes[1].Region));
        Assert.Null(volumes[0].AttachedMachine);
        Assert.Equal([Volumes, Volumes + "?cursor=c2", Volumes + "?cursor=c3"], _stage.Api.Requests.Select(static request => request.PathAndQuery));
    }

    [Fact]
    public async Task Listing_of_volumes_that_breaks_off_is_no_list()
    {
        _stage.Api.Answers("""[{"id":"vol_1"}]""", ("fly-next-cursor", "c2")).Answers(HttpStatusCode.NotFound, "");

        Assert.Equal(MachinesFailureKind.NotFound, (await _stage.Machines.ListVolumesAsync(MachinesStage.App, None).WaitAsync(MachinesStage.Limit)).Failure?.Kind);
    }

    [Fact]
    public async Task Volume_is_made_where_the_machine_has_room()
    {
        _stage.Api.Answers("""{"id":"vol_1","name":"ws_1","state":"creating","region":"ord"}""");

        var made = await _stage.Machines.CreateVolumeAsync(MachinesStage.App, new NewVolume("ws_1", "ord", 5, new MachineGuest()), None).WaitAsync(MachinesStage.Limit);

        Assert.Equal((new VolumeId("vol_1"), "ord", true), (made.Value!.Id, made.Value.Region, made.Value.Usable));
        AssertSent(
            HttpMethod.Post, Volumes,
            """{"name":"ws_1","region":"ord","size_gb":5,"encrypted":true,"require_unique_zone":false,"compute":{"cpu_kind":"shared","cpus":1,"memory_mb":512}}""", null);
    }

    [Fact]
    public async Task Volume_is_extended_read_and_destroyed_by_its_id()
    {
        var path = $"{Volumes}/{MachinesStage.Volume}";
        _stage.Api.Answers("""{"volume":{"id":"vol_1","size_gb":9},"needs_restart":true}""").Answers("""{"id":"vol_1","state":"pending_destroy"}""");

        var extended = await _stage.Machines.ExtendVolumeAsync(MachinesStage.App, MachinesStage.Volume, 9, None).WaitAsync(MachinesStage.Limit);
        var read = await _stage.Machines.GetVolumeAsync(MachinesStage.App, MachinesStage.Volume, None).WaitAsync(MachinesStage.Limit);
        var destroyed = await _stage.Machines.DestroyVolumeAsync(MachinesStage.App, MachinesStage.Volume, None).WaitAsync(MachinesStage.Limit);

        Assert.Equal((9, false, true), (extended.Value!.SizeGb, read.Value!.Usable, destroyed.IsOk));
        Assert.Equal(
            [(HttpMethod.Put, path + "/extend", """{"size_gb":9}"""), (HttpMethod.Get, path, null), (HttpMethod.Delete, path, "")],
            _stage.Api.Requests.Select(static request => (request.Method, request.PathAndQuery, request.Body)));
    }

    [Fact]
    public async Task Snapshots_are_listed_and_taken()
    {
        _stage.Api.Answers("""[{"id":"vs_1","size":12,"volume_size":34,"created_at":"2026-01-01T00:00:00Z","status":"created","retention_days":5},{"id":"vs_2","size":null,"created_at":null}]""")
            .Answers(HttpStatusCode.OK, "");

        var snapshots = await _stage.Machines.ListSnapshotsAsync(MachinesStage.App, MachinesStage.Volume, None).WaitAsync(MachinesStage.Limit);
        var taken = await _stage.Machines.TakeSnapshotAsync(MachinesStage.App, MachinesStage.Volume, None).WaitAsync(MachinesStage.Limit);

        Assert.Equal([new("vs_1", 12, new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero), "created"), new("vs_2", 0, default, "")], snapshots.Value!);
        Assert.True(taken.IsOk);
        Assert.All(_stage.Api.Requests, request => Assert.Equal($"{Volumes}/{MachinesStage.Volume}/snapshots", request.PathAndQuery));
    }

    [Theory]
    [InlineData("", "m")]
    [InlineData("..", "m")]
    [InlineData("workspaces", "")]
    [InlineData("workspaces", "..")]
    [InlineData("workspaces", ".")]
    public async Task Name_that_would_make_another_path_is_not_sent(string app, string machine)
    {
        var destroyed = await _stage.Machines.DestroyAsync(app, new MachineId(machine), force: true, null, None).WaitAsync(MachinesStage.Limit);

        Assert.Equal((MachinesFailureKind.Invalid, 0), (destroyed.Failure!.Kind, destroyed.Failure.Status));
        Assert.Empty(_stage.Api.Requests);
    }

    [Fact]
    public async Task Name_with_a_slash_stays_one_segment()
    {
        _stage.Api.Answers(HttpStatusCode.NotFound, "");

        await _stage.Machines.GetAsync("a/b", new MachineId("../volumes"), None).WaitAsync(MachinesStage.Limit);

        Assert.Equal("/v1/apps/a%2Fb/machines/..%2Fvolumes", _stage.Api.Only.PathAndQuery);
    }

    [Fact]
    public async Task Path_of_the_api_url_is_kept()
    {
        using var stage = new MachinesStage(("Machines:ApiUrl", "https://machines.test/behind"));
        stage.Api.Answers("""{"id":"a"}""");

        await stage.Machines.GetAsync("app", new MachineId("a"), None).WaitAsync(MachinesStage.Limit);

        Assert.Equal("/behind/v1/apps/app/machines/a", stage.Api.Only.PathAndQuery);
    }

    private void AssertSent(HttpMethod method, string pathAndQuery, string? body, string? nonce)
    {
        var sent = _stage.Api.Only;
        Assert.Equal((method, pathAndQuery, nonce), (sent.Method, sent.PathAndQuery, sent.Nonce));
        Assert.Equal(body, sent.Body);
    }

    private Task<MachinesResult<MachinePage>> ListAsync(string? cursor) =>
        _stage.Machines.ListAsync(MachinesStage.App, new Dictionary<string, string>(), cursor, None).WaitAsync(MachinesStage.Limit);

    private Task<MachinesResult<Machine>> GetAsync() => _stage.Machines.GetAsync(MachinesStage.App, MachinesStage.Machine, None).WaitAsync(MachinesStage.Limit);

    private Task<MachinesResult<MachineLease>> LeaseAsync() =>
        _stage.Machines.LeaseAsync(MachinesStage.App, MachinesStage.Machine, TimeSpan.FromSeconds(30.5), "idle stop", None).WaitAsync(MachinesStage.Limit);
}
