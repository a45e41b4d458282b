using System.Xml.Linq;
using Microsoft.AspNetCore.DataProtection.Repositories;

namespace Gateway.Identity;

/// <summary>
/// The keys that protect cookies, as they are stored in Redis. They are read by code that blocks its thread, and for two minutes after a start each cookie of
/// an unknown key has them read again (https://github.com/dotnet/aspnetcore/issues/3975): a Redis that hangs must not take all threads with it.
/// </summary>
internal sealed class ProtectionKeys(IXmlRepository stored, TimeProvider time) : IXmlRepository
{
    /// <summary>How long a request waits for keys that others may have added. Whoever has none yet waits as long as the client of Redis does.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(250);

    private readonly Lock _lock = new();
    private Task<IReadOnlyCollection<XElement>>? _reading;
    private volatile bool _hasRead;
    private volatile bool _answers;

    /// <exception cref="TimeoutException">Redis does not say; the keys known before go on to count. Until it has answered again nobody waits for it.</exception>
    public IReadOnlyCollection<XElement> GetAllElements()
    {
        var reading = ReadOnce();
        if (!_hasRead)
        {
            return reading.GetAwaiter().GetResult();
        }

        try
        {
            return reading.WaitAsync(_answers ? Patience : TimeSpan.Zero, time).GetAwaiter().GetResult();
        }
        catch (TimeoutException)
        {
            _answers = false;
            throw;
        }
    }

    public void StoreElement(XElement element, string friendlyName) => stored.StoreElement(element, friendlyName);

    /// <summary>One read at a time, on a thread of its own, which all wait for who ask meanwhile.</summary>
    private Task<IReadOnlyCollection<XElement>> ReadOnce()
    {
        lock (_lock)
        {
            return _reading is { IsCompleted: false } going ? going : _reading = Task.Factory.StartNew(Read, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }
    }

    private IReadOnlyCollection<XElement> Read()
    {
        var keys = stored.GetAllElements();
        (_hasRead, _answers) = (true, true);
        return keys;
    }
}
