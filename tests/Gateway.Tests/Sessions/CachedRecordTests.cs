using Gateway.Sessions;
using Xunit;

namespace Gateway.Tests.Sessions;

public sealed class CachedRecordTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    private readonly CachedRecord<Session> _entry = new();
    private readonly Queue<TaskCompletionSource<Session?>> _readings = new();
    private long _verification;

    [Fact]
    public async Task ChangeHeardDuringAReading_MakesItReadAgain()
    {
        var (first, second) = (Reading(), Reading());
        var loading = LoadAsync();
        _entry.Changed(20);
        first.SetResult(Session(10, "m1"));
        second.SetResult(Session(20, "m2"));

        await loading.WaitAsync(Bound);

        Assert.Equal(Session(20, "m2"), _entry.Value);
        Assert.Equal(_verification, _entry.Verified);
    }

    [Fact]
    public async Task ReadingOlderThanWhatWasHeld_Stands_BecauseAFailoverLostTheNewer()
    {
        Reading().SetResult(Session(20, "m2"));
        await LoadAsync().WaitAsync(Bound);
        _verification++;
        Reading().SetResult(Session(10, "m1"));

        await LoadAsync().WaitAsync(Bound);

        Assert.Equal(Session(10, "m1"), _entry.Value);
    }

    [Fact]
    public async Task OwnWriteDuringAReading_StandsAgainstTheOlderReading()
    {
        var reading = Reading();
        var loading = LoadAsync();
        _entry.Apply(Session(20, "m2"), 20, _verification);
        reading.SetResult(Session(10, "m1"));

        await loading.WaitAsync(Bound);

        Assert.Equal(Session(20, "m2"), _entry.Value);
    }

    [Fact]
    public async Task OwnWriteThatComesInAfterItsRemovalWasHeard_DoesNotBringTheSessionBack()
    {
        _entry.Changed(30);
        Reading().SetResult(null);
        await LoadAsync().WaitAsync(Bound);

        _entry.Apply(Session(20, "m2"), 20, _verification);

        Assert.Null(_entry.Value);
    }

    [Fact]
    public async Task ReadingBegunBeforeChangesWereMissed_IsNotEnoughForWhoeverJoinsIt()
    {
        var (first, second) = (Reading(), Reading());
        _ = LoadAsync();
        _verification++;
        var joined = LoadAsync();
        first.SetResult(Session(10, "m1"));
        second.SetResult(Session(20, "m2"));

        await joined.WaitAsync(Bound);

        Assert.Equal(Session(20, "m2"), _entry.Value);
        Assert.Equal(_verification, _entry.Verified);
    }

    [Fact]
    public async Task SameRecordReadAgain_IsTheSameObject()
    {
        Reading().SetResult(Session(10, "m1"));
        await LoadAsync().WaitAsync(Bound);
        var held = _entry.Value;
        _verification++;
        Reading().SetResult(Session(10, "m1"));

        await LoadAsync().WaitAsync(Bound);

        Assert.Same(held, _entry.Value);
    }

    private Task LoadAsync() => _entry.LoadAsync(_ => _readings.Dequeue().Task, static session => session.Epoch, () => _verification);

    private TaskCompletionSource<Session?> Reading()
    {
        var reading = new TaskCompletionSource<Session?>();
        _readings.Enqueue(reading);
        return reading;
    }

    private static Session Session(long epoch, string machine) =>
        new() { User = new UserId("alice"), State = SessionState.Assigned, App = "a", Machine = new MachineId(machine), Epoch = epoch };
}
