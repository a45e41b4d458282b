using Gateway.Machines;
using Xunit;
using static Gateway.Machines.MachinesCall;
using static Gateway.Machines.MachinesFailureKind;

namespace Gateway.Tests.Machines;

/// <summary>Every answer that the platform is known to give, and what each means for the call it was given to.</summary>
public sealed class MachinesAnswersTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    private static readonly MachinesCall[] Reads = [List, Get, Wait, ListVolumes, GetVolume, ListSnapshots];
    private static readonly MachinesCall[] SameWhenRepeated = [SetMetadata, ReleaseLease, ExtendVolume];
    private static readonly MachinesCall[] DoneOnce = [Create, Update, Start, Stop, Suspend, Lease, Destroy, CreateVolume, TakeSnapshot, DestroyVolume];

    public static TheoryData<string, int, string, string> Documented => new()
    {
        { nameof(Create), 400, """{"error":"invalid_argument: unknown field"}""", nameof(Invalid) },
        { nameof(Create), 400, """{"error":"volume not found"}""", nameof(Invalid) },
        { nameof(Wait), 400, """{"error":"invalid_argument: timeout must be between 1 and 60"}""", nameof(Invalid) },
        { nameof(Wait), 400, """{"error":"failed_precondition: machine is currently replaced"}""", nameof(Changed) },
        { nameof(Get), 401, """{"error":"Authenticate: token validation error"}""", nameof(Forbidden) },
        { nameof(Start), 401, "", nameof(Forbidden) },
        { nameof(Get), 403, """{"error":"unauthorized"}""", nameof(Forbidden) },
        { nameof(Create), 403, """{"error":"organization \"x\" is using 4096 MB of memory in dfw which is over the allowed quota"}""", nameof(QuotaExceeded) },
        { nameof(CreateVolume), 403, """{"error":"To create more volumes, raise your quota"}""", nameof(QuotaExceeded) },
        { nameof(Get), 404, """{"error":"not_found: machine not found"}""", nameof(NotFound) },
        { nameof(Start), 404, "", nameof(NotFound) },
        { nameof(Start), 404, "404 page not found", nameof(Invalid) },
        { nameof(Wait), 408, """{"error":"deadline_exceeded: machine failed to reach desired state, started, currently created"}""", nameof(NotReached) },
        { nameof(Wait), 408, """{"error":"deadline_exceeded: machine failed to reach desired state, started, currently replaced"}""", nameof(Changed) },
        { nameof(Create), 408, """{"error":"deadline_exceeded"}""", nameof(Ambiguous) },
        { nameof(Start), 408, "", nameof(Ambiguous) },
        { nameof(Get), 408, "", nameof(Unavailable) },
        { nameof(Start), 409, """{"error":"aborted: machine still attempting to start"}""", nameof(AlreadyStarting) },
        { nameof(Start), 409, """{"error":"machine is already started"}""", nameof(AlreadyStarting) },
        { nameof(Stop), 409, """{"error":"aborted: machine still attempting to start"}""", nameof(AlreadyStarting) },
        { nameof(Stop), 409, """{"error":"aborted: something else"}""", nameof(NotYet) },
        { nameof(Destroy), 409, """{"error":"machine is running"}""", nameof(NotYet) },
        { nameof(Start), 409, """{"status":"error","message":"machine ID 1857156b526dd8 lease currently held by a@b.example, expires at 2026-01-01","code":"conflict"}""", nameof(LeaseHeld) },
        { nameof(Lease), 409, """{"status":"error","message":"taken","code":"conflict"}""", nameof(LeaseHeld) },
        { nameof(Update), 409, """{"error":"aborted: lease currently held by somebody"}""", nameof(LeaseHeld) },
        { nameof(Start), 409, """{"error":"aborted: could not reserve resource for machine: insufficient CPUs available to fulfill request on the current host"}""", nameof(HostFull) },
        { nameof(Start), 409, """{"error":"aborted: could not reserve resource for machine: insufficient memory available to fulfill request on the current host"}""", nameof(HostFull) },
        { nameof(Create), 409, """{"error":"aborted: insufficient IPs available to fulfill request"}""", nameof(HostFull) },
        { nameof(Create), 409, """{"error":"aborted: insufficient resources available to fulfill request"}""", nameof(HostFull) },
        { nameof(Create), 409, """{"error":"aborted: no capacity"}""", nameof(RegionFull) },
        { nameof(Start), 409, """{"error":"aborted: no capacity"}""", nameof(RegionFull) },
        { nameof(Update), 409, """{"error":"aborted: machine update failed due to concurrent update"}""", nameof(Changed) },
        { nameof(Update), 409, """{"error":"aborted: current_version 01HEPA is stale"}""", nameof(Changed) },
        { nameof(Create), 409, """{"error":"already_exists: unique machine name violation, machine ID 3d8d9014b32d78 already exists with name \"ws-lease-no-capacity\""}""", nameof(NameTaken) },
        { nameof(Start), 412, """{"error":"failed_precondition: machine still active, refusing to start"}""", nameof(NotYet) },
        { nameof(Start), 412, """{"error":"failed_precondition: unable to start machine from current state: 'created'"}""", nameof(NotYet) },
        { nameof(Start), 412, """{"error":"failed_precondition: machine getting replaced, refusing to start"}""", nameof(NotYet) },
        { nameof(Create), 412, """{"error":"failed_precondition: volume already claimed by machine 3d8d9014b32d78"}""", nameof(VolumeClaimed) },
        { nameof(Create), 412, """{"error":"insufficient resources to create new machine with existing volume id 'vol_x'","status":"volume_placement_capacity"}""", nameof(HostFull) },
        { nameof(Create), 412, """{"error":"other words","status":"volume_placement_capacity"}""", nameof(HostFull) },
        { nameof(SetMetadata), 412, """{"error":"failed_precondition: machine_version does not match"}""", nameof(Changed) },
        { nameof(Create), 422, """{"error":"could not find a candidate host","status":"insufficient_capacity"}""", nameof(RegionFull) },
        { nameof(Create), 422, """{"error":"other words","status":"insufficient_capacity"}""", nameof(RegionFull) },
        { nameof(CreateVolume), 422, """{"error":"could not find a candidate host"}""", nameof(RegionFull) },
        { nameof(Create), 422, """{"error":"memory must be a multiple of 256"}""", nameof(Invalid) },
        { nameof(Start), 429, """{"error":"resource_exhausted: rate limit exceeded"}""", nameof(RateLimited) },
        { nameof(Get), 429, "rate limit exceeded", nameof(RateLimited) },
        { nameof(Create), 503, """{"error":"could not find a candidate host","status":"insufficient_capacity"}""", nameof(RegionFull) },
        { nameof(Start), 503, "<html>503</html>", nameof(Ambiguous) },
        { nameof(Get), 502, "", nameof(Unavailable) },
        { nameof(Get), 302, "", nameof(Invalid) },
        { nameof(Get), 418, "", nameof(Invalid) },
    };

    [Theory]
    [MemberData(nameof(Documented))]
    public void Documented_answer_means_what_callers_decide_by(string call, int status, string body, string kind) =>
        Assert.Equal(kind, Of(Enum.Parse<MachinesCall>(call), status, body).Kind.ToString());

    [Fact]
    public void Every_call_is_either_repeatable_or_done_once()
    {
        Assert.Equal(Enum.GetValues<MachinesCall>().Order(), Reads.Concat(SameWhenRepeated).Concat(DoneOnce).Order());
        Assert.All(Reads.Concat(SameWhenRepeated), call => Assert.True(call.IsRepeatable(), call.ToString()));
        Assert.All(DoneOnce, call => Assert.False(call.IsRepeatable(), call.ToString()));
    }

    [Theory]
    [InlineData(500)]
    [InlineData(502)]
    [InlineData(503)]
    [InlineData(504)]
    [InlineData(599)]
    public void Server_error_leaves_open_whether_a_change_was_made(int status)
    {
        Assert.All(Reads.Concat(SameWhenRepeated), call => Assert.Equal(Unavailable, Of(call, status, "oops").Kind));
        Assert.All(DoneOnce, call => Assert.Equal(Ambiguous, Of(call, status, "oops").Kind));
    }

    [Fact]
    public void No_answer_leaves_open_whether_a_change_was_made()
    {
        Assert.All(Reads.Concat(SameWhenRepeated), call => Assert.Equal(Unavailable, MachinesAnswers.Unanswered(call, "why").Kind));
        Assert.All(DoneOnce, call => Assert.Equal(Ambiguous, MachinesAnswers.Unanswered(call, "why").Kind));
    }

    [Fact]
    public void Taken_name_says_whose_it_is()
    {
        var failure = Of(Create, 409, """{"error":"already_exists: unique machine name violation, machine ID 3d8d9014b32d78 already exists with name \"ws-a\""}""");

        Assert.Equal(new MachineId("3d8d9014b32d78"), failure.Other);
    }

    [Fact]
    public void Claimed_volume_says_by_whom()
    {
        var failure = Of(Create, 412, """{"error":"failed_precondition: volume already claimed by machine 3d8d9014b32d78"}""");

        Assert.Equal(new MachineId("3d8d9014b32d78"), failure.Other);
    }

    [Fact]
    public void Taken_name_without_an_id_names_nobody() =>
        Assert.Null(Of(Create, 409, """{"error":"already_exists: unique machine name violation"}""").Other);

    [Theory]
    [InlineData("""{"error":"first","message":"second"}""", "first")]
    [InlineData("""{"status":"error","message":"second","code":"c"}""", "second")]
    [InlineData("  plain text \n", "plain text")]
    [InlineData("""{"error":{"nested":true}}""", """{"error":{"nested":true}}""")]
    [InlineData("{broken", "{broken")]
    [InlineData("[1,2]", "[1,2]")]
    [InlineData("""{"error":"two\nlines\u001b[31m"}""", "two lines [31m")]
    [InlineData("", "HTTP 500 without a text.")]
    [InlineData("{}", "HTTP 500 without a text.")]
    [InlineData("null", "null")]
    public void Text_is_found_in_every_shape_of_body(string body, string message) => Assert.Equal(message, Of(Get, 500, body).Message);

    [Fact]
    public void Text_of_a_page_is_cut() => Assert.Equal(300, Of(Get, 502, new string('x', 10_000)).Message.Length);

    [Theory]
    [InlineData("7", 7)]
    [InlineData("Thu, 01 Jan 2026 12:00:30 GMT", 30)]
    [InlineData("Thu, 01 Jan 2026 11:00:00 GMT", 0)]
    public void Time_to_try_again_is_read_in_both_forms(string header, int seconds)
    {
        using var response = new HttpResponseMessage();
        response.Headers.TryAddWithoutValidation("Retry-After", header);

        Assert.Equal(TimeSpan.FromSeconds(seconds), MachinesAnswers.Of(Get, 429, "", response.Headers, Now).RetryAfter);
    }

    [Fact]
    public void Answer_without_a_time_to_try_again_names_none()
    {
        Assert.Null(Of(Get, 429, "").RetryAfter);

        using var response = new HttpResponseMessage();
        response.Headers.TryAddWithoutValidation("Retry-After", "soon");
        Assert.Null(MachinesAnswers.Of(Get, 429, "", response.Headers, Now).RetryAfter);
    }

    [Fact]
    public void Id_for_the_platforms_support_is_kept()
    {
        using var response = new HttpResponseMessage();
        response.Headers.TryAddWithoutValidation("fly-request-id", "01JREQUEST-iad");

        Assert.Equal("01JREQUEST-iad", MachinesAnswers.Of(Get, 500, "", response.Headers, Now).RequestId);
    }

    [Theory]
    [InlineData("created", "Created")]
    [InlineData("creating", "Transient")]
    [InlineData("starting", "Starting")]
    [InlineData("restarting", "Starting")]
    [InlineData("started", "Started")]
    [InlineData("STARTED", "Started")]
    [InlineData("stopping", "Stopping")]
    [InlineData("stopped", "Stopped")]
    [InlineData("suspending", "Suspending")]
    [InlineData("suspended", "Suspended")]
    [InlineData("updating", "Updating")]
    [InlineData("replacing", "Updating")]
    [InlineData("failed", "Failed")]
    [InlineData("destroying", "Destroyed")]
    [InlineData("destroyed", "Destroyed")]
    [InlineData("launch_failed", "Destroyed")]
    [InlineData("replaced", "Transient")]
    [InlineData("migrated", "Transient")]
    [InlineData("hibernating", "Transient")]
    [InlineData("", "Transient")]
    [InlineData(null, "Transient")]
    public void State_has_one_meaning_and_an_unknown_one_is_read_again(string? name, string state) =>
        Assert.Equal(state, MachinesAnswers.StateOf(name).ToString());

    private static MachinesFailure Of(MachinesCall call, int status, string body)
    {
        using var response = new HttpResponseMessage();
        return MachinesAnswers.Of(call, status, body, response.Headers, Now);
    }
}
