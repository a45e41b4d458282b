using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Options;

namespace Gateway.Proxying;

/// <summary>
/// How much one address, and one user, may ask of this replica. Addresses are limited before anybody looks at a credential, so that guessing is slow;
/// users after. A limit of 0 is none. Every request passes here twice and takes no lock.
/// </summary>
internal sealed class RequestLimits
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly Allowances<ulong> _addresses;
    private readonly Allowances<UserId> _users;
    private readonly ProxyingOptions _limits;

    public RequestLimits(IOptions<ProxyingOptions> options, TimeProvider time)
    {
        _limits = options.Value;
        _addresses = new(_limits.RequestsPerAddress, _limits.BurstPerAddress, time);
        _users = new(_limits.RequestsPerUser, _limits.BurstPerUser, time);
    }

    /// <summary>Null: the address may ask. Otherwise when it may again.</summary>
    public TimeSpan? Refuse(IPAddress? address)
    {
        // Loopback is the gateway's own host: no client's, and where a proxy of the host's own is in front, everybody's.
        return _limits.RequestsPerAddress == 0 || address is null || IPAddress.IsLoopback(address) ? null : _addresses.Take(_addresses.Of(KeyOf(address)));
    }

    /// <summary>Counts the user's request until the admission is disposed, whatever it says.</summary>
    public Admission Admit(UserId user, bool isSocket)
    {
        while (true)
        {
            var allowance = _users.Of(user);
            if (allowance.TryOpen(isSocket, isSocket ? _limits.SocketsPerUser : _limits.ConcurrentPerUser) is not { } opened)
            {
                continue;
            }

            if (!opened)
            {
                return new Admission(null, isSocket, Second);
            }

            if (_users.Take(allowance) is not { } later)
            {
                return new Admission(allowance, isSocket, null);
            }

            allowance.Close(isSocket);
            return new Admission(null, isSocket, later);
        }
    }

    /// <summary>An IPv4 address, or the half of an IPv6 address that a network gives out: who has one address of it has them all.</summary>
    private static ulong KeyOf(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        if (!address.TryWriteBytes(bytes, out var written))
        {
            return 0;
        }

        return address.AddressFamily is AddressFamily.InterNetwork || address.IsIPv4MappedToIPv6
            ? BinaryPrimitives.ReadUInt32BigEndian(bytes[(written - 4)..written])
            : BinaryPrimitives.ReadUInt64BigEndian(bytes);
    }
}

/// <summary>A user's request, counted while it lasts.</summary>
/// <param name="Counted">Where; null where it is not.</param>
/// <param name="IsSocket">As what.</param>
/// <param name="RetryAfter">Set: it is one too many.</param>
internal readonly record struct Admission(Allowance? Counted, bool IsSocket, TimeSpan? RetryAfter) : IDisposable
{
    public void Dispose() => Counted?.Close(IsSocket);
}
