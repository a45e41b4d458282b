using System.Xml.Linq;
using Gateway.Identity;
using Microsoft.AspNetCore.DataProtection.Repositories;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Identity;

public sealed class ProtectionKeysTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly FakeTimeProvider _time = new();
    private readonly HangingStore _store = new();
    private readonly ProtectionKeys _keys;

    public ProtectionKeysTests() => _keys = new ProtectionKeys(_store, _time);

    [Fact]
    public async Task First_read_is_waited_for_however_long_it_takes()
    {
        _store.Hang();
        var first = AskAsync();
        await _store.IsAsked.WaitAsync(Limit, TimeProvider.System);
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.False(first.IsCompleted);

        _store.Answer();
        Assert.Single(await first);
    }

    [Fact]
    public async Task Store_that_hangs_costs_those_who_ask_a_quarter_of_a_second_once_and_counts_again_when_it_answers()
    {
        await AskAsync();
        _store.Hang();
        var waits = AskAsync();
        await _store.IsAsked.WaitAsync(Limit, TimeProvider.System);
        while (!waits.IsCompleted)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }

        await Assert.ThrowsAsync<TimeoutException>(() => waits);
        await Assert.ThrowsAsync<TimeoutException>(AskAsync);

        _store.Answer();
        Assert.Single(await AnsweredAsync());
    }

    private Task<IReadOnlyCollection<XElement>> AskAsync() => Task.Run(_keys.GetAllElements).WaitAsync(Limit, TimeProvider.System);

    /// <summary>The answer takes a moment to arrive.</summary>
    private async Task<IReadOnlyCollection<XElement>> AnsweredAsync()
    {
        for (var begun = TimeProvider.System.GetTimestamp(); ; await Task.Yield())
        {
            try
            {
                return await AskAsync();
            }
            catch (TimeoutException) when (TimeProvider.System.GetElapsedTime(begun) < Limit)
            {
                // Not yet.
            }
        }
    }

    /// <summary>Answers at once, or when it is told to.</summary>
    private sealed class HangingStore : IXmlRepository
    {
        private TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private TaskCompletionSource? _answer;

        public Task IsAsked => _asked.Task;

        public void Hang() => (_asked, _answer) = (new(TaskCreationOptions.RunContinuationsAsynchronously), new(TaskCreationOptions.RunContinuationsAsynchronously));

        public void Answer() => _answer!.SetResult();

        public IReadOnlyCollection<XElement> GetAllElements()
        {
            _asked.TrySetResult();
            if (_answer is { } answer && !answer.Task.Wait(Limit))
            {
                throw new TimeoutException("The test never answered.");
            }

            return [new XElement("key")];
        }

        public void StoreElement(XElement element, string friendlyName) => throw new NotSupportedException();
    }
}
