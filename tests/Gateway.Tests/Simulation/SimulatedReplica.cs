namespace Gateway.Tests.Simulation;

/// <summary>
/// One gateway process as the simulation sees it: everything it says to the map and the platform passes here, so it can be paused, or die
/// between any two calls. A dead replica's calls never answer; what it had asked for before is still carried out.
/// </summary>
internal sealed class SimulatedReplica(string name)
{
    private readonly Lock _lock = new();
    private readonly TaskCompletionSource _died = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource? _resumed;
    private int _dieBefore = int.MaxValue;
    private int _dieAfter = int.MaxValue;
    private bool _dead;

    public string Name { get; } = name;

    /// <summary>Calls made so far, on the map and on the platform together.</summary>
    public int Steps { get; private set; }

    /// <summary>Change messages of the map do not arrive here.</summary>
    public bool LosesMessages { get; set; }

    /// <summary>The map does not answer this replica.</summary>
    public bool MapUnavailable { get; set; }

    /// <summary>Called before each call with its name; may throw.</summary>
    public Action<string>? OnCall { get; set; }

    public bool IsDead { get { lock (_lock) { return _dead; } } }

    /// <summary>Ends when the replica dies.</summary>
    public Task Died => _died.Task;

    /// <summary>Dies instead of making its call number <paramref name="step"/> (the first is 1).</summary>
    public void DieBefore(int step) { lock (_lock) { _dieBefore = step; } }

    /// <summary>Its call number <paramref name="step"/> is carried out, and it never learns of the answer.</summary>
    public void DieAfter(int step) { lock (_lock) { _dieAfter = step; } }

    public void Die()
    {
        lock (_lock)
        {
            _dead = true;
        }

        _died.TrySetResult();
    }

    /// <summary>From here on its calls wait, as those of a process that is not scheduled.</summary>
    public void Pause() { lock (_lock) { _resumed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously); } }

    public void Resume()
    {
        TaskCompletionSource? resumed;
        lock (_lock)
        {
            (resumed, _resumed) = (_resumed, null);
        }

        resumed?.TrySetResult();
    }

    internal async Task<T> CallAsync<T>(string action, Func<Task<T>> call)
    {
        OnCall?.Invoke(action);
        int step;
        lock (_lock)
        {
            step = ++Steps;
            _dead |= step >= _dieBefore;
        }

        await PassAsync();
        var answer = await call();
        lock (_lock)
        {
            _dead |= step >= _dieAfter;
        }

        await PassAsync();
        return answer;
    }

    /// <summary>A message arrives: heard when the process runs, and never by a dead one.</summary>
    internal async Task HearAsync()
    {
        await Task.Yield();
        await PassAsync();
    }

    private async Task PassAsync()
    {
        while (true)
        {
            Task? resumed;
            bool dead;
            lock (_lock)
            {
                (resumed, dead) = (_resumed?.Task, _dead);
            }

            if (dead)
            {
                _died.TrySetResult();
                await new TaskCompletionSource().Task;
            }

            if (resumed is null)
            {
                return;
            }

            await resumed;
        }
    }
}
