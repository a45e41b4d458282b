using Gateway.Sessions;

namespace Gateway.Tests.Simulation.Whole;

/// <summary>One gateway's connection to Redis: calls that may fail in all the ways calls fail, and what it hears.</summary>
internal sealed class RedisLine(WholeRedis redis, SeededWorld world, GatewayContext context, SeededTime time, string name, Tally tally) : IChangeChannel
{
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan TooLong = RecordClaim.Lease / 2;
    private static readonly TimeSpan Quick = TimeSpan.FromMilliseconds(2);

    private readonly Queue<(MachineId Machine, long Epoch)> _questions = new();
    private readonly Queue<string> _messages = new();
    private Func<MachineId, long, Task>? _answer;
    private Action<string>? _hear;
    private bool _answering;
    private long _lastContact = time.GetTimestamp();
    private long _nextDelivery;

    public event Action? Connected;

    public string Name => name;

    public WholeRedis Redis => redis;

    /// <summary>This gateway does not reach Redis.</summary>
    public bool IsCut { get; private set; }

    public TimeSpan SinceContact => time.GetElapsedTime(_lastContact);

    private long Now => world.Now;

    public void Touch() => _lastContact = time.GetTimestamp();

    public Task FirstAttemptAsync() => Task.CompletedTask;

    public Task ListenAsync(Action<string> hear)
    {
        _hear = hear;
        return Task.CompletedTask;
    }

    public Task BeatAsync(CancellationToken cancellationToken) => CallAsync(() =>
    {
        redis.Beat();
        return true;
    }, cancellationToken);

    public void OnConsentAsked(Func<MachineId, long, Task> answer) => _answer = answer;

    public void Cut() => IsCut = true;

    public void Reconnect()
    {
        IsCut = false;
        context.Do(() => Connected?.Invoke());
    }

    /// <summary>In the order they were sent.</summary>
    public TimeSpan NextDelivery()
    {
        _nextDelivery = Math.Max(_nextDelivery, world.Now + world.Between(TimeSpan.Zero, Quick).Ticks) + 1;
        return TimeSpan.FromTicks(_nextDelivery - world.Now);
    }

    public void Hear(string message)
    {
        _messages.Enqueue(message);
        context.Post(static line => ((RedisLine)line!).HearNext(), this);
    }

    public void Ask(MachineId machine, long epoch)
    {
        _questions.Enqueue((machine, epoch));
        context.Do(() =>
        {
            if (!_answering)
            {
                _ = AnswerAllAsync();
            }
        });
    }

    public Task<T> CallAsync<T>(Func<T> carryOut, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var call = new Call<T>(this, carryOut);
        if (redis.IsAway || IsCut)
        {
            tally.Count("fault: redis away");
            world.After(world.Chance(0.5) ? Quick : CallTimeout, Call<T>.BeGivenUp, call);
        }
        else if (redis.LosesCalls > 0 && world.Chance(redis.LosesCalls))
        {
            tally.Count("fault: redis call lost");
            if (world.Chance(0.5))
            {
                world.After(world.Between(TimeSpan.Zero, CallTimeout), () => carryOut());
            }

            world.After(CallTimeout, Call<T>.BeGivenUp, call);
        }
        else
        {
            call.Takes = redis.SlowCalls > 0 && world.Chance(redis.SlowCalls) ? TimeSpan.FromSeconds(2) : Quick;
            world.After(world.Between(TimeSpan.Zero, call.Takes), Call<T>.Arrive, call);
        }

        return cancellationToken.CanBeCanceled ? call.Task.WaitAsync(cancellationToken) : call.Task;
    }

    private void HearNext() => _hear?.Invoke(_messages.Dequeue());

    private async Task AnswerAllAsync()
    {
        _answering = true;
        while (_questions.TryDequeue(out var question))
        {
            if (_answer is { } answer)
            {
                await answer(question.Machine, question.Epoch);
            }
        }

        _answering = false;
    }

    private void CarryOut<T>(Call<T> call)
    {
        call.Answer = call.CarryOut();
        world.After(world.Between(TimeSpan.Zero, call.Takes), Call<T>.Return, call);
    }

    private void Return<T>(Call<T> call)
    {
        // Two such calls after each other, and whoever renews a lease by them has lost it.
        if (world.Now - call.Sent > TooLong.Ticks)
        {
            redis.Troubled();
        }

        context.Post(Call<T>.BeAnswered, call);
    }

    private void GiveUp<T>(Call<T> call)
    {
        redis.Troubled();
        context.Post(Call<T>.Fail, call);
    }

    /// <summary>One call on its way there and back.</summary>
    private sealed class Call<T>(RedisLine line, Func<T> carryOut) : TaskCompletionSource<T>
    {
        public static readonly SendOrPostCallback Arrive = static call => ((Call<T>)call!).Line.CarryOut((Call<T>)call);
        public static readonly SendOrPostCallback Return = static call => ((Call<T>)call!).Line.Return((Call<T>)call);
        public static readonly SendOrPostCallback BeGivenUp = static call => ((Call<T>)call!).Line.GiveUp((Call<T>)call);
        public static readonly SendOrPostCallback Fail = static call => ((Call<T>)call!).TrySetException(new SessionMapUnavailableException("The simulated Redis did not answer."));

        public static readonly SendOrPostCallback BeAnswered = static call =>
        {
            var answered = (Call<T>)call!;
            answered.Line.Touch();
            answered.TrySetResult(answered.Answer);
        };

        public RedisLine Line => line;

        public Func<T> CarryOut => carryOut;

        public long Sent { get; } = line.Now;

        public TimeSpan Takes { get; set; }

        public T Answer { get; set; } = default!;
    }
}
