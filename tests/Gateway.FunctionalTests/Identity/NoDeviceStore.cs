using Gateway.Identity.Devices;
using Gateway.Identity.Tokens;

namespace Gateway.FunctionalTests.Identity;

/// <summary>For hosts without Redis: no device ever asks.</summary>
internal sealed class NoDeviceStore : IDeviceStore
{
    public Task<bool> AddAsync(string id, string userCode, DeviceRequest request, TimeSpan lifetime, TimeSpan interval) => Task.FromResult(true);

    public Task<DeviceRequest?> FindAsync(string userCode) => Task.FromResult<DeviceRequest?>(null);

    public Task<bool> DecideAsync(string userCode, PersonalToken? approved) => Task.FromResult(false);

    public Task<DevicePoll> PollAsync(string id) => Task.FromResult(new DevicePoll(DevicePollKind.InvalidGrant));

    public Task<int> CountTypedAsync(UserId user, TimeSpan within) => Task.FromResult(1);
}
